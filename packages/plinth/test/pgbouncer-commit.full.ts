import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { Transaction } from '../src/index.ts'
import type { ObservationOf } from '../src/observe/observation.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startPgBouncer, withoutPgBouncer } from './support/pgbouncer.ts'
import { type FaultProxy, startProxy } from './support/proxy.ts'

const skip = withoutPgBouncer
const { url } = await testDatabase({ script: 'create table t (id int primary key)' })
const activity = await watchActivity(url)
after(() => activity.close())
beforeEach(() => activity.query('truncate t'))

const resolved: ObservationOf<'commit.resolved'>[] = []
const stop = onObservations({ 'commit.resolved': (one) => void resolved.push(one) })
after(() => stop[Symbol.dispose]())

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)

/** Runs one insert whose COMMIT meets `fault`, with a line that can be broken on either side of the pooler. */
async function underFault(
  fault: (lines: { readonly before: FaultProxy; readonly behind: FaultProxy }) => void,
): Promise<{ readonly runs: number; readonly fates: boolean[] }> {
  await using behind = await startProxy(url)
  await using pooler = await startPgBouncer(behind.url, { default_pool_size: '2', server_login_retry: '1' })
  await using before = await startProxy(pooler.url)
  await using db = createDatabase({ url: before.url, pooler: 'transaction', pool: { max: 3 } })
  resolved.length = 0
  let runs = 0
  await db.transaction(async (tx: Transaction) => {
    await tx.query('insert into t values (1)')
    if (++runs === 1) fault({ before, behind })
  })
  return { runs, fates: resolved.map(({ isCommitted }) => isCommitted) }
}

for (const side of ['before', 'behind'] as const) {
  test(`a COMMIT whose answer was lost ${side} the pooler is a success`, { skip }, async () => {
    const { runs, fates } = await underFault((lines) => void lines[side].loseCommit('answer'))
    assert.deepEqual([runs, fates, await saved()], [1, [true], [1]])
  })

  test(`a COMMIT that was lost ${side} the pooler is known to be undone, and run again`, { skip }, async () => {
    const { runs, fates } = await underFault((lines) => void lines[side].loseCommit('request'))
    assert.deepEqual([runs, fates, await saved()], [2, [false], [1]])
  })
}

test('a COMMIT that never left a half-open line is fenced, and run again', { skip }, async () => {
  const { runs, fates } = await underFault(({ before }) => before.leaveHalfOpen())
  assert.deepEqual([runs, await saved()], [2, [1]])
  assert.ok(fates.every((isCommitted) => !isCommitted))
})

test('a transaction whose backend is ended under the pooler is run again', { skip }, async () => {
  await using pooler = await startPgBouncer(url, { default_pool_size: '2' })
  await using db = createDatabase({ url: pooler.url, pooler: 'transaction', pool: { max: 3 } })
  const attempts: number[] = []
  await db.transaction(async (tx) => {
    attempts.push(tx.attempt)
    await tx.query('insert into t values (1)')
    const { pid } = await tx.one<{ pid: number }>('select pg_backend_pid() as pid')
    if (tx.attempt === 1) await activity.kill(pid)
    await tx.query('insert into t values (2)')
  })
  assert.deepEqual(
    [attempts, await saved()],
    [
      [1, 2],
      [1, 2],
    ],
  )
  // Outside a transaction nobody knows whether a write was done.
  const pid = activity.backend('insert into t select 3')
  const write = assert.rejects(db.query('insert into t select 3 from pg_sleep(5)'), {
    code: 'ConnectionLost',
    outcome: 'unknown',
  })
  await activity.kill(await pid)
  await write
})

test('a transaction whose line breaks behind the pooler, which says 08P01 then, is run again', { skip }, async () => {
  await using behind = await startProxy(url)
  await using pooler = await startPgBouncer(behind.url, { default_pool_size: '2', server_login_retry: '1' })
  await using db = createDatabase({ url: pooler.url, pooler: 'transaction', pool: { max: 3 } })
  const attempts: number[] = []
  for (const via of ['query', 'pg'] as const) {
    await db.transaction(async (tx) => {
      attempts.push(tx.attempt)
      await tx.query('delete from t')
      if (tx.attempt === 1) behind.cut()
      await (via === 'pg' ? tx.pg.query('insert into t values (2)') : tx.query('insert into t values (2)'))
    })
    assert.deepEqual(await saved(), [2])
  }
  assert.deepEqual(attempts, [1, 2, 1, 2])
})

test('who waits in vain in the line of the pooler is run again, and a lone write is known to be unknown', {
  skip,
}, async () => {
  await using pooler = await startPgBouncer(url, { default_pool_size: '1', query_wait_timeout: '1' })
  await using db = createDatabase({ url: pooler.url, pooler: 'transaction', pool: { max: 3 } })
  const free = Promise.withResolvers<void>()
  const held = db.transaction((tx) => tx.query('select 1').then(() => free.promise))
  const lone = assert.rejects(db.query('insert into t values (2)'), { code: 'ConnectionLost', outcome: 'unknown' })
  const waiting = db.transaction(
    async (tx) => {
      if (tx.attempt === 2) free.resolve()
      await tx.query('insert into t values (1)')
      return tx.attempt
    },
    { retry: { attempts: 20 } },
  )
  await lone
  assert.ok((await waiting) > 1)
  assert.deepEqual(await saved(), [1])
  await held
})

test('a pooler that ends and comes back is found again', { skip }, async () => {
  await using line = await startProxy(url)
  {
    await using pooler = await startPgBouncer(url, { default_pool_size: '2' })
    line.pointAt(pooler.url)
    await using db = createDatabase({
      url: line.url,
      pooler: 'transaction',
      pool: { max: 3, acquireTimeoutMs: 20_000 },
    })
    await db.query('select 1')
    await pooler[Symbol.asyncDispose]()
    const waiting = db.transaction((tx) => tx.query('insert into t values (1)'))
    await using again = await startPgBouncer(url, { default_pool_size: '2' })
    line.pointAt(again.url)
    await waiting
    assert.deepEqual(await saved(), [1])
  }
})
