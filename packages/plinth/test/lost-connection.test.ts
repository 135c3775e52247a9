import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Transaction } from '../src/index.ts'
import { table } from '../src/operation/table.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({
  script: `create table t (id int primary key);
    create view slow as select pg_sleep(0.5)::text as slept, 1 as id`,
})
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 3, sharedLanes: 1 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)

test('a transaction whose backend is killed is run again from its beginning', async () => {
  const attempts: number[] = []
  await db.transaction(async (tx) => {
    attempts.push(tx.attempt)
    const { rows } = await tx.query('insert into t values (1) returning pg_backend_pid() as pid')
    if (tx.attempt === 1) await activity.kill(Number(rows[0]?.['pid']))
    await tx.query('insert into t values (2)')
  })
  assert.deepEqual(attempts, [1, 2])
  assert.deepEqual(await saved(), [1, 2])
})

test('after a connection that the server ended, no idle one from before is used', async () => {
  await using many = createDatabase({ url, service: 'many', pool: { max: 4, sharedLanes: 0 } })
  const pidOf = async (tx: Transaction): Promise<number> =>
    (await tx.one<{ pid: number }>('select pg_backend_pid() as pid')).pid
  const all = Promise.withResolvers<void>()
  const before = new Set<number>()
  const hold = async (tx: Transaction): Promise<void> => {
    before.add(await pidOf(tx))
    if (before.size === 4) all.resolve()
    await all.promise
  }
  await Promise.all([1, 2, 3, 4].map(() => many.transaction(hold)))
  const last = await many.transaction(async (tx) => {
    const pid = await pidOf(tx)
    if (tx.attempt === 1) await activity.kill(pid)
    await tx.query('select 1')
    return pid
  })
  assert.ok(!before.has(last), 'run again on an old connection')
  await until(async () => ((await activity.count('many')) === 1 ? true : undefined))
})

test('a connection lost after the last statement is known not to have committed, and run again', async () => {
  const attempts: number[] = []
  await db.transaction(async (tx) => {
    attempts.push(tx.attempt)
    const { rows } = await tx.query('insert into t values (1) returning pg_backend_pid() as pid')
    if (tx.attempt > 1) return
    await activity.kill(Number(rows[0]?.['pid']))
    await new Promise((resolve) => setTimeout(resolve, 20))
  })
  assert.deepEqual(attempts, [1, 2])
  assert.deepEqual(await saved(), [1])
})

test('on a shared lane that breaks, what may have written has an unknown outcome and reads are asked again', async () => {
  const write = errorOf(db.query('select pg_sleep(20), 7'))
  const behind = errorOf(db.query('select 8'))
  const read = db.run(table('slow', { key: ['id'] }).find({}))
  await activity.kill(await activity.backend('select pg_sleep(20), 7'))
  for (const error of [await write, await behind]) {
    assert.ok(isPlinthError(error, 'ConnectionLost'))
    assert.deepEqual([error.outcome, error.retryable], ['unknown', false])
  }
  assert.equal((await read).length, 1)
})

test('a transaction that idles past its limit is told so, and not run again', async () => {
  await using strict = createDatabase({ url, pool: { max: 1 }, idleInTransactionTimeoutMs: 50 })
  let runs = 0
  const error = await errorOf(
    strict.transaction(
      async (tx) => {
        runs++
        const { rows } = await tx.query('select pg_backend_pid() as pid')
        const gone = 'select 1 from pg_stat_activity where pid = $1'
        await until(async () => (await activity.query(gone, [rows[0]?.['pid']])).length === 0)
        await tx.query('select 1')
      },
      { name: 'dreamer' },
    ),
  )
  assert.ok(isPlinthError(error, 'TransactionTimeout'))
  assert.deepEqual([runs, error.sqlstate, error.transaction, error.outcome], [1, '25P03', 'dreamer', 'not applied'])
})

test('a session whose connection is lost can be left without an error', async () => {
  const session = await db.session()
  const listener = await session.listen('a', () => undefined)
  await activity.kill(Number((await session.query('select pg_backend_pid() as pid')).rows[0]?.['pid']))
  await assert.rejects(session.query('select 1'), { code: 'ConnectionLost' })
  await listener[Symbol.asyncDispose]()
  await session[Symbol.asyncDispose]()
  assert.equal((await db.query('select 1')).rowCount, 1)
})
