import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase({ script: 'create table t (id int)' })
const activity = await watchActivity(url)
after(() => activity.close())

test('BEGIN into a black hole gives the connection up after 2 s, and the work runs on another one', async () => {
  await using proxy = await startProxy(url)
  await using db = createDatabase({ url: proxy.url, pool: { max: 3, sharedLanes: 0, acquireTimeoutMs: 20_000 } })
  await Promise.all([1, 2, 3].map(() => db.transaction((tx) => tx.query('select pg_sleep(0.1)'))))
  proxy.become('blackhole')
  const begun = performance.now()
  let lostAfterMs = 0
  using _ = onObservations({
    'connection.lost': () => {
      lostAfterMs ||= performance.now() - begun
      proxy.become('forward')
    },
  })
  const attempt = await db.transaction(async (tx) => {
    await tx.query('insert into t values (1)')
    return tx.attempt
  })
  assert.ok(lostAfterMs >= 1900 && lostAfterMs < 3500, `${lostAfterMs} ms`)
  // All three were silent; one was enough to drop the others.
  assert.equal(attempt, 1)
  assert.deepEqual(await activity.query('select count(*)::int as n from t'), [{ n: 1 }])
})

test('db.begin() on a connection that died while it idled gets another one, with all that was to be sent', async () => {
  await using proxy = await startProxy(url)
  await using db = createDatabase({ url: proxy.url, pool: { max: 2, sharedLanes: 0 } })
  await Promise.all([1, 2].map(() => db.transaction((tx) => tx.query('select pg_sleep(0.1)'))))
  proxy.become('blackhole')
  using _ = onObservations({ 'connection.lost': () => proxy.become('forward') })
  await using tx = await db.begin()
  await tx.savepoint((inner) => inner.query('insert into t values (2)'))
  await tx.commit()
  assert.deepEqual(await activity.query('select count(*)::int as n from t where id = 2'), [{ n: 1 }])
})

test('a connection that dies behind BEGIN is not replaced: the transaction had begun on it', async () => {
  await using db = createDatabase({ url, pool: { max: 1, sharedLanes: 0 } })
  await using tx = await db.begin()
  const [row] = (await tx.query<{ pid: number }>('select pg_backend_pid() as pid')).rows
  await activity.query(`select pg_terminate_backend(${row?.pid})`)
  await assert.rejects(tx.query('select 1'), { code: 'ConnectionLost', outcome: 'not applied' })
})

test('a first statement that takes longer than the limit of BEGIN is no silence', async () => {
  await using db = createDatabase({ url, pool: { max: 1 } })
  const attempt = await db.transaction(async (tx) => {
    await tx.query('select pg_sleep(2.5)')
    return tx.attempt
  })
  assert.equal(attempt, 1)
})

test('a first statement that ends each connection it runs on is not sent for ever', async () => {
  await using db = createDatabase({ url, pool: { max: 2, sharedLanes: 0 } })
  await db.transaction((tx) => tx.query('select 1'))
  await using tx = await db.begin({ timeoutMs: 5000 })
  await assert.rejects(tx.query('select pg_terminate_backend(pg_backend_pid())'), { code: 'ConnectionLost' })
})
