import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Database, State, StateChange } from '../src/index.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase()
const activity = await watchActivity(url)
after(() => activity.close())

function statesOf(db: Database): State[] {
  const states: State[] = []
  db.on('state', ({ to }) => void states.push(to))
  return states
}

const reaches = (db: Database, state: State): Promise<void> =>
  new Promise((resolve) => {
    if (db.state === state) resolve()
    db.on('state', ({ to }) => (to === state ? resolve() : undefined))
  })

test('the states follow each other, and a listener that fails or left changes nothing', async () => {
  const db = createDatabase({ url })
  const stop = db.on('state', () => assert.fail('it left'))
  stop()
  db.on('state', () => {
    throw new Error('mine')
  })
  const states = statesOf(db)
  assert.equal(db.state, 'disconnected')
  await db.connect()
  await db.connect()
  await db.close()
  assert.deepEqual(states, ['connecting', 'connected', 'draining', 'closed'])
})

test('while the server is away one connection at a time is tried, and all callers are served when it is back', async () => {
  await using proxy = await startProxy(url)
  await using db = createDatabase({
    url: proxy.url,
    connectTimeoutMs: 600,
    pool: { max: 5, sharedLanes: 1, acquireTimeoutMs: 30_000 },
  })
  await db.connect()
  const states = statesOf(db)
  const isAway = reaches(db, 'error')
  proxy.become('blackhole')
  proxy.cut()
  await isAway
  proxy.mark()
  const callers = Array.from({ length: 100 }, (_, i) =>
    i % 2 ? db.query('select 1') : db.transaction((tx) => tx.query('select 1')),
  )
  for (let i = 0; i < 3; i++) await proxy.nextConnection()
  assert.ok(proxy.peak <= 1, `${proxy.peak} attempts at once`)
  assert.ok(proxy.accepted >= 2)
  proxy.become('forward')
  assert.equal((await Promise.all(callers)).length, 100)
  assert.deepEqual(states, ['error', 'connected'])
})

test('a server that comes back is noticed without traffic', async () => {
  await using proxy = await startProxy(url)
  await using db = createDatabase({ url: proxy.url })
  await db.query('select 1')
  const isAway = reaches(db, 'error')
  proxy.become('refuse')
  proxy.cut()
  await isAway
  const isBack = reaches(db, 'connected')
  proxy.become('forward')
  await isBack
})

test('connect() gives up at its deadline with the cause in its message, and later succeeds', async () => {
  await using proxy = await startProxy(url)
  await using db = createDatabase({ url: proxy.url })
  proxy.become('refuse')
  const error = await errorOf(db.connect({ deadlineMs: 150 }))
  assert.ok(isPlinthError(error, 'ConnectionFailed'))
  assert.match(
    error.message,
    /was not reachable within 150 ms\. Last: Cannot connect to PostgreSQL at 127\.0\.0\.1:\d+/,
  )
  assert.deepEqual([error.phase, error.retryable], ['connect', true])
  const controller = new AbortController()
  const aborted = db.connect({ signal: controller.signal })
  controller.abort(new Error('mine'))
  await assert.rejects(aborted)
  proxy.become('forward')
  await db.connect()
})

test('a caller who waits for a server that is away is told why', async () => {
  await using proxy = await startProxy(url)
  await using db = createDatabase({ url: proxy.url, pool: { acquireTimeoutMs: 200 } })
  proxy.become('refuse')
  for (const work of [db.query('select 1'), db.transaction(async () => 1), db.session()])
    await assert.rejects(work, { code: 'ConnectionFailed' })
})

test('a login the server refuses fails at once for everybody, and is not tried again', async () => {
  const [user, password] = [`refused_${process.pid}`, 'pa55word']
  await activity.query(`create role ${user} nologin`)
  await using proxy = await startProxy(url)
  const wrong = new URL(proxy.url)
  wrong.username = user
  wrong.password = password
  await using db = createDatabase({ url: wrong.href })
  const error = await errorOf(db.connect())
  assert.ok(isPlinthError(error, 'AuthenticationFailed'))
  assert.equal(error.retryable, false)
  proxy.mark()
  const callers = [1, 2, 3, 4].map(() =>
    assert.rejects(
      db.transaction(async () => 1),
      { code: 'AuthenticationFailed' },
    ),
  )
  await Promise.all(callers)
  assert.ok(proxy.accepted <= 4, `${proxy.accepted} logins`)
  const { inspect } = await import('node:util')
  assert.ok(!inspect([db, error], { depth: 20, showHidden: true }).includes(password))
  await activity.query(`drop role ${user}`)
})

test('a database that is not there fails at once', async () => {
  const missing = new URL(url)
  missing.pathname = '/not_there'
  await using db = createDatabase({ url: missing.href })
  await assert.rejects(db.connect(), { code: 'ConnectionFailed', retryable: false, sqlstate: '3D000' })
  await assert.rejects(db.query('select 1'), { code: 'ConnectionFailed' })
})

test('close() lets running work finish, refuses the rest, and leaves no connection', async () => {
  const db = createDatabase({ url, service: 'closing', pool: { max: 2, sharedLanes: 1 } })
  // Both run for as long as this is held.
  await activity.query('select pg_advisory_lock(9)')
  const running = db.transaction((tx) => tx.query('select pg_advisory_xact_lock_shared(9), 1 as n'))
  const single = db.query('select pg_advisory_xact_lock_shared(9), 2 as n')
  await activity.backend('select pg_advisory_xact_lock_shared(9), 1')
  await activity.backend('select pg_advisory_xact_lock_shared(9), 2')
  const waiting = assert.rejects(db.session(), { code: 'DatabaseClosed' })
  const closed = db.close()
  assert.equal(db.state, 'draining')
  await assert.rejects(db.query('select 1'), { code: 'DatabaseClosed' })
  await assert.rejects(
    db.transaction(async () => 1),
    { code: 'DatabaseClosed' },
  )
  await assert.rejects(db.connect(), { code: 'DatabaseClosed' })
  await waiting
  await activity.query('select pg_advisory_unlock(9)')
  assert.equal((await running).rows[0]?.['n'], 1)
  assert.equal((await single).rows[0]?.['n'], 2)
  await closed
  assert.equal(db.state, 'closed')
  await Promise.all([db.close(), db.close()])
  await until(async () => (await activity.count('closing')) === 0)
})

test('close() cancels at its deadline what still runs, and says of a write only what it knows', async () => {
  const db = createDatabase({ url, service: 'cutting', pool: { max: 2, sharedLanes: 1 } })
  const held = errorOf(db.transaction((tx) => tx.query('select pg_sleep(60), 1')))
  const single = errorOf(db.query('select pg_sleep(60), 2'))
  await activity.backend('select pg_sleep(60), 1')
  await activity.backend('select pg_sleep(60), 2')
  await db.close({ deadlineMs: 50 })
  const [inside, alone] = [await held, await single]
  assert.ok(isPlinthError(inside) && isPlinthError(alone))
  assert.equal(inside.outcome, 'not applied')
  // Only an answer of the server tells that it was not.
  assert.equal(alone.outcome, alone.sqlstate === '57014' ? 'not applied' : 'unknown')
  await until(async () => (await activity.count('cutting')) === 0)
})

test('a connection that opens while the database closes does not stay', async () => {
  for (let i = 0; i < 10; i++) {
    const db = createDatabase({ url, service: 'late', pool: { max: 4 } })
    if (i % 2) await db.connect()
    const work = [db.query('select 1'), db.transaction((tx) => tx.query('select 1')), db.session()]
    const settled = Promise.allSettled(work)
    if (i > 4) await new Promise((resolve) => setImmediate(resolve))
    await db.close({ deadlineMs: 20 })
    await settled
  }
  await until(async () => (await activity.count('late')) === 0)
})

test('with a limit of attempts those who wait are refused after it, and the next caller begins anew', async () => {
  await using proxy = await startProxy(url)
  await using db = createDatabase({ url: proxy.url, reconnect: { attempts: 2 } })
  proxy.become('refuse')
  await assert.rejects(db.connect({ deadlineMs: 30_000 }), { code: 'ConnectionFailed', message: /^Cannot connect/ })
  proxy.mark()
  await assert.rejects(db.query('select 1'), { code: 'ConnectionFailed', message: /^Cannot connect/ })
  proxy.become('forward')
  assert.equal((await db.query('select 1')).rowCount, 1)
})

test('a server that is only full leaves the state alone while a connection is left', async () => {
  const user = `full_${process.pid}`
  await activity.query(`create role ${user} login password 'pa55word' connection limit 1`)
  const own = new URL(url)
  own.username = user
  own.password = 'pa55word'
  const db = createDatabase({ url: own.href, pool: { max: 3, sharedLanes: 0, warm: 0 } })
  await db.connect()
  const states = statesOf(db)
  const held = Promise.withResolvers<void>()
  const holding = db.transaction(async (tx) => {
    await tx.query('select 1')
    await held.promise
  })
  const waiting = db.query<{ n: number }>('select 2 as n')
  await sleep(1000)
  assert.deepEqual([db.state, states], ['connected', []])
  held.resolve()
  assert.deepEqual((await waiting).rows, [{ n: 2 }])
  await holding
  await db.close()
  assert.deepEqual(states, ['draining', 'closed'])
  await activity.query(`drop role ${user}`)
})

/** A handle whose server takes no writes for those who connect from now on, as after a restart with another setting. */
async function openRefusing(): Promise<{
  readonly db: Database
  readonly changes: StateChange[]
  readonly readOnly: (is: 'on' | 'off') => Promise<unknown>
}> {
  const own = await testDatabase({ script: 'create table t (id int)' })
  const name = new URL(own.url).pathname.slice(1)
  const readOnly = (is: 'on' | 'off'): Promise<unknown> =>
    activity.query(`alter database ${name} set default_transaction_read_only = ${is}`)
  const db = createDatabase({ url: own.url, service: name })
  const changes: StateChange[] = []
  db.on('state', (change) => void changes.push(change))
  await db.query('insert into t values (1)')
  await readOnly('on')
  await activity.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [name])
  await reaches(db, 'error')
  return { db, changes, readOnly }
}

test('a server that takes no writes is an error that knows its outage, and still serves reads', async () => {
  const from = new Date()
  const { db, changes } = await openRefusing()
  const { cause, outage } = changes.at(-1) ?? {}
  assert.ok(isPlinthError(cause, 'ReadOnlyServer'))
  assert.ok(outage && outage.since >= from && outage.attempts === 1 && outage.nextAttemptAt >= outage.since)
  assert.equal((await db.query('select from t')).rowCount, 1)
  const health = await db.health()
  assert.deepEqual([health.status, health.error?.code, health.server?.role], ['down', 'ReadOnlyServer', 'primary'])
  const write = db.transaction((tx) => tx.query('insert into t values (2)'), { retry: { attempts: 2 } })
  await assert.rejects(write, { code: 'ReadOnlyServer' })
  await until(async () => ((await db.health()).outage?.attempts ?? 0) > 1)
  await db.close()
})

test('a server that takes writes again is noticed without traffic, and no connection that refuses them stays', async () => {
  const { db, readOnly } = await openRefusing()
  // Opened now, they would refuse writes for as long as they live.
  await Promise.all([1, 2, 3].map(() => db.transaction((tx) => tx.query('select pg_sleep(0.05)'))))
  await readOnly('off')
  await until(async () => db.state === 'connected')
  for (let id = 2; id < 6; id++) {
    await using tx = await db.begin()
    await tx.query('insert into t values ($1)', [id])
    await tx.commit()
  }
  assert.equal((await db.health()).outage, undefined)
  await db.close()
})
