import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, service: 'cancel', pool: { max: 3, sharedLanes: 1 } })
after(() => activity.close())
after(() => db.close())

const isGone = (query: string): Promise<unknown> =>
  until(
    async () =>
      (
        await activity.query(
          `select 1 from pg_stat_activity
           where datname = current_database() and starts_with(query, $1) and state = 'active'`,
          [query],
        )
      ).length === 0,
  )

test('an abort stops the statement on the server and leaves the connection usable', async () => {
  const controller = new AbortController()
  const running = db.query('select pg_sleep(60), 1', [], { signal: controller.signal })
  const pid = await activity.backend('select pg_sleep(60), 1')
  controller.abort()
  await assert.rejects(running, { code: 'Cancelled', outcome: 'not applied' })
  await isGone('select pg_sleep(60), 1')
  const next = await db.transaction(async (tx) => (await tx.query('select pg_backend_pid() as pid')).rows[0]?.['pid'])
  assert.equal(next, pid)
})

test('the deadline of a transaction stops its statement and rolls back', async () => {
  const error = await errorOf(
    db.transaction(
      async (tx) => {
        await tx.query('insert into t values (1)')
        await tx.query('select pg_sleep(60), 2')
      },
      { name: 'slow', timeoutMs: 200 },
    ),
  )
  assert.ok(isPlinthError(error, 'TransactionTimeout'))
  assert.match(error.message, /"slow" was rolled back: it had not ended after 200 ms/)
  await isGone('select pg_sleep(60), 2')
  assert.deepEqual((await db.query('select count(*)::int as n from t')).rows, [{ n: 0 }])
})

test('an abort between statements rolls back, and the signal of the transaction tells the callback', async () => {
  const controller = new AbortController()
  const told = Promise.withResolvers<void>()
  const running = db.transaction(
    async (tx) => {
      tx.signal.addEventListener('abort', () => told.resolve())
      await tx.query('insert into t values (1)')
      controller.abort()
      await new Promise(() => undefined)
    },
    { signal: controller.signal },
  )
  await assert.rejects(running, { code: 'Cancelled' })
  await told.promise
  assert.deepEqual((await db.query('select count(*)::int as n from t')).rows, [{ n: 0 }])
})

test('a late cancel never hits a later statement', async () => {
  for (let i = 0; i < 60; i++) {
    const controller = new AbortController()
    const racing = db.query('select 1', [], { signal: controller.signal }).catch((error: unknown) => error)
    if (i % 3) await new Promise((resolve) => setImmediate(resolve))
    controller.abort()
    const later = db.transaction(async (tx) => (await tx.query('select pg_sleep(0.003)')).rowCount)
    assert.equal(await later, 1)
    await racing
  }
})

test('timeoutMs ends one statement, on a lane, in a transaction and in a session', async () => {
  const slow = 'select pg_sleep(60)'
  const limit = { timeoutMs: 50 }
  await assert.rejects(db.query(slow, [], limit), { code: 'StatementTimeout', outcome: 'not applied' })
  await assert.rejects(
    db.transaction((tx) => tx.query(slow, [], limit)),
    { code: 'StatementTimeout' },
  )
  await using session = await db.session()
  await assert.rejects(session.query(slow, [], limit), { code: 'StatementTimeout' })
  assert.deepEqual((await session.query('show statement_timeout')).rows, [{ statement_timeout: '30s' }])
  for (const timeoutMs of [0, -1, Number.NaN, Infinity]) {
    await assert.rejects(db.query('select 1', [], { timeoutMs }), { code: 'InvalidOption' })
    await assert.rejects(
      db.transaction((tx) => tx.query('select 1', [], { timeoutMs })),
      { code: 'InvalidOption' },
    )
  }
})

test('an abort in a session stops its own statement and no other', async () => {
  await using session = await db.session()
  const controller = new AbortController()
  await activity.query('select pg_advisory_lock(9)')
  const first = session.query('select pg_advisory_xact_lock_shared(9), 3 as n')
  const second = session.query('select pg_sleep(60)', [], { signal: controller.signal })
  const third = session.query('select pg_sleep(1.5), 4 as n')
  await activity.backend('select pg_advisory_xact_lock_shared')
  const stopped = assert.rejects(second, { code: 'Cancelled' })
  controller.abort()
  await activity.query('select pg_advisory_unlock(9)')
  await stopped
  assert.equal((await first).rows[0]?.['n'], 3)
  assert.equal((await third).rows[0]?.['n'], 4)
})
