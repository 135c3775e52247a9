import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { LaneChoice } from '../src/database/lane-choice.ts'
import { readOptions } from '../src/database/options.ts'
import { Connection } from '../src/driver/connection.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({
  script: 'create table counter (id int primary key, n int); insert into counter values (1, 0)',
})
const db = createDatabase({ url, pool: { max: 6, sharedLanes: 1 } })
after(() => db.close())

test('reads and later statements go on while a write waits for a row lock', async () => {
  const other = await db.begin()
  await other.query('update counter set n = n + 1')
  const waiting = [
    db.query('update counter set n = n + 10'),
    db.query('with w as (update counter set n = n + 100 returning n) select n from w'),
    db.query('select n from counter for update'),
  ]
  const reads = await Promise.all(Array.from({ length: 20 }, () => db.query('select n from counter')))
  assert.ok(reads.every(({ rows }) => rows[0]?.['n'] === 0))
  await other.commit()
  await Promise.all(waiting)
  assert.deepEqual((await db.query('select n from counter')).rows, [{ n: 111 }])
})

test('a read is not sent behind one that has held up the shared lane', async () => {
  const holder = await db.begin()
  await holder.query('select pg_advisory_xact_lock(1)')
  const heldUp = db.query('select pg_advisory_xact_lock(1)')
  // The lane counts as held up once its first in line has run for some milliseconds, so the reads wait for that.
  const until = performance.now() + 50
  while (performance.now() < until) await new Promise(setImmediate)
  assert.deepEqual((await db.query('select 1 as one')).rows, [{ one: 1 }])
  await holder.commit()
  await heldUp
})

test('a read that was slow takes a lane of its own the next time, and shares again once it is quick', () => {
  const lanes = new LaneChoice(10)
  assert.ok(lanes.mayShare('select 1'))
  lanes.note('select 1', 80)
  assert.ok(!lanes.mayShare('select 1'))
  lanes.note('select 1', 0.2)
  assert.ok(lanes.mayShare('select 1'))
})

test('the server is charged with its own time, not with that in which this process could not read its answer', async () => {
  const connection = await Connection.open(readOptions({ url }).connection)
  const busyMs = async (text: string): Promise<number> => {
    const noted = Promise.withResolvers<number>()
    const answered = connection.run([{ text, values: [] }], 10_000, { noteBusyMs: noted.resolve })
    const nothing = new Int32Array(new SharedArrayBuffer(4))
    Atomics.wait(nothing, 0, 0, 900)
    await answered
    return await noted.promise
  }
  assert.ok((await busyMs('select 1')) < 450)
  assert.ok((await busyMs('select pg_sleep(1.4)')) > 200)
  await connection.close()
})

test('only what can neither wait for the disk nor for a lock shares a lane', () => {
  const lanes = new LaneChoice(10)
  for (const text of ['select 1', '/* why */ SELECT 1', 'table t', 'values (1)', 'show all'])
    assert.ok(lanes.mayShare(text), text)
  const alone = [
    'insert into t values (1)',
    'update t set a = 1',
    'delete from t',
    'with w as (delete from t) select 1',
  ]
  for (const text of [
    ...alone,
    'select * from t for update',
    'select 1 FOR  NO KEY update',
    'vacuum',
    'call p()',
    'do $$ $$',
  ])
    assert.ok(!lanes.mayShare(text), text)
})

test('a thousand texts more than are remembered are still told apart', () => {
  const lanes = new LaneChoice(10)
  lanes.note('never seen', 80)
  for (let i = 0; i < 1000; i++) assert.ok(lanes.mayShare(`select ${i}`))
  assert.ok(!lanes.mayShare('delete from t'))
})
