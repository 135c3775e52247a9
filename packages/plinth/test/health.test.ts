import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { startEmbedded } from '../src/embedded/server.ts'
import { startFaultProxy } from '../src/testing/fault-proxy.ts'
import { until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { start, temporaryFolder } from './support/embedded.ts'

const { url } = await testDatabase({ script: 'create table t (id int)' })
const folder = temporaryFolder()

test('health tells the server, the pool, the transactions and the checks', async () => {
  await using db = createDatabase({ url, pool: { max: 3 } })
  const before = Date.now()
  const health = await db.transaction(async (tx) => {
    await tx.query('insert into t values (1)')
    return db.health()
  })
  assert.deepEqual([health.status, health.state, health.error], ['up', 'connected', undefined])
  assert.match(health.server?.version ?? '', /^\d+/)
  assert.match(health.server?.timeline ?? '', /^[0-9A-F]{8}$/)
  assert.deepEqual([health.server?.role, health.server?.tls], ['primary', false])
  assert.ok((health.server?.startedAt ?? new Date()).getTime() < before)
  assert.ok(health.checkedAt.getTime() >= before - 1000)
  assert.equal(health.pool.max, 3)
  assert.deepEqual([health.transactions.open, health.transactions.idleInTransaction], [1, 1])
  assert.deepEqual(
    health.checks.map(({ name, status }) => `${name} ${status}`),
    ['connection pass', 'writable pass', 'pool pass'],
  )
  assert.equal((await db.health()).transactions.open, 0)
})

test('a full pool is no reason to look dead, and probes at once ask once', async () => {
  await using proxy = await startFaultProxy(url)
  await using db = createDatabase({ url: proxy.url, pool: { max: 1 } })
  await db.transaction(async (tx) => {
    await tx.query('select 1')
    const waiting = db.independent(async () => 1)
    proxy.mark()
    const all = await Promise.all(Array.from({ length: 20 }, () => db.health()))
    assert.ok(all.every(({ status }) => status === 'up'))
    assert.ok(proxy.accepted <= 2, `${proxy.accepted} connections for 20 probes`)
    await waiting
  })
})

test('while the server is away health answers at once, says why and when it is tried next, and names no password', async () => {
  const dataDir = join(folder, 'away')
  const first = await start(dataDir)
  await using db = createDatabase({ url: first.url })
  await db.query('select 1')
  await first.stop()
  await until(async () => db.state === 'error')
  const from = performance.now()
  const health = await db.health()
  assert.ok(performance.now() - from < 3000)
  assert.deepEqual([health.status, health.state, health.error?.code], ['down', 'error', 'ConnectionFailed'])
  assert.ok((health.outage?.attempts ?? 0) >= 1)
  assert.ok((health.outage?.nextAttemptAt.getTime() ?? 0) > health.since.getTime())
  assert.equal(JSON.stringify(health).includes(new URL(first.url).password), false)
  await using _again = await startEmbedded({ dataDir, port: first.port })
  await until(async () => (await db.health()).status === 'up')
})

test('a server that answers nothing is down within the time a probe has', async () => {
  await using proxy = await startFaultProxy(url)
  await using db = createDatabase({ url: proxy.url, connectTimeoutMs: 20_000 })
  await db.query('select 1')
  proxy.become('blackhole')
  const from = performance.now()
  const health = await db.health()
  assert.equal(health.status, 'down')
  assert.ok(performance.now() - from < 10_000)
  proxy.become('forward')
})

test('a database that takes no writes is down for who must write', async () => {
  const activity = await watchActivity(url)
  const [row] = await activity.query('select current_database() as name')
  await activity.query(`alter database "${String(row?.['name'])}" set default_transaction_read_only to on`)
  await activity.close()
  await using db = createDatabase({ url })
  const health = await db.health()
  assert.equal(health.status, 'down')
  assert.deepEqual(health.checks[1], { name: 'writable', status: 'fail' })
})

test('health of a closed database says so and opens nothing', async () => {
  const db = createDatabase({ url })
  await db.query('select 1')
  await db.close()
  const health = await db.health()
  assert.deepEqual([health.status, health.state, health.error?.code], ['down', 'closed', 'DatabaseClosed'])
})

test('lost COMMITs and retries are counted', async () => {
  await using proxy = await startFaultProxy(url)
  await using db = createDatabase({ url: proxy.url, pool: { max: 2 } })
  await db
    .transaction(async (tx) => {
      await tx.query('set transaction read write')
      await tx.query('insert into t values (1)')
      if (tx.attempt === 1) void proxy.loseCommit('request')
    })
    .catch(() => undefined)
  const { transactions } = await db.health()
  assert.deepEqual([transactions.retries, transactions.commitsResolved, transactions.commitsUnknown], [1, 1, 0])
})
