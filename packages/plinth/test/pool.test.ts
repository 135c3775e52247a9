import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { Session } from '../src/database/queryable.ts'
import { isPlinthError } from '../src/errors.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase({ script: 'create table t (id int)' })
const activity = await watchActivity(url)
after(() => activity.close())

const never = new Promise<never>(() => undefined)

test('200 callers of every kind share no more than max connections, after connect() too', async () => {
  await using db = createDatabase({ url, service: 'pool-max', pool: { max: 5, sharedLanes: 2, maxWaiting: 400 } })
  await db.connect()
  let most = 0
  const look = async (): Promise<void> => void (most = Math.max(most, await activity.count('pool-max')))
  const callers = Array.from({ length: 200 }, (_, i) =>
    i % 2 ? db.query('select pg_sleep(0.002)') : db.transaction((tx) => tx.query('select pg_sleep(0.002)')),
  )
  const looking = (async () => {
    for (let i = 0; i < 20; i++) await look()
  })()
  await Promise.all([...callers, looking])
  await look()
  assert.ok(most <= 5 && most >= 4, `${most} connections`)
})

test('a caller that waits too long learns how many connections are held', async () => {
  await using db = createDatabase({ url, pool: { max: 2, sharedLanes: 0, acquireTimeoutMs: 1000 } })
  // From elsewhere: this test does not hold what it waits for.
  const elsewhere = (): Promise<Session> =>
    new Promise((resolve, reject) => {
      setImmediate(() => void db.session().then(resolve, reject))
    })
  await using _first = await elsewhere()
  await using _second = await elsewhere()
  const error = await errorOf(db.query('select 1'))
  assert.ok(isPlinthError(error, 'PoolTimeout'))
  assert.match(error.message, /all 2 are held/)
  assert.deepEqual([error.retryable, error.outcome, error.phase], [true, 'not applied', 'acquire'])
})

test('a caller beyond those that may wait is refused at once; those a free slot serves are not counted', async () => {
  await using db = createDatabase({ url, pool: { max: 3, sharedLanes: 0, maxWaiting: 1 } })
  const held = await Promise.all([db.session(), db.session(), db.session()])
  const waiting = db.session()
  await assert.rejects(db.session(), { code: 'PoolOverloaded', retryable: true })
  await held[0]?.[Symbol.asyncDispose]()
  for (const session of [await waiting, ...held]) await session[Symbol.asyncDispose]()
})

test('with nobody allowed to wait a free database still works', async () => {
  await using db = createDatabase({ url, pool: { max: 2, maxWaiting: 0 } })
  assert.deepEqual((await db.query('select 1 as n')).rows, [{ n: 1 }])
  assert.equal(await db.transaction(async (tx) => (await tx.query('select 1')).rowCount), 1)
})

test('a pool of one connection serves statements, transactions and sessions', async () => {
  await using db = createDatabase({ url, service: 'pool-one', pool: { max: 1 } })
  const results = await Promise.all([
    db.query('select 1'),
    db.transaction((tx) => tx.query('select 1')),
    db.query('select 1', [], { settings: { 'a.b': 'c' } }),
  ])
  assert.equal(results.length, 3)
  assert.equal(await activity.count('pool-one'), 1)
})

test('a waiting caller can give up, and an aborted one never begins', async () => {
  await using db = createDatabase({ url, pool: { max: 1 } })
  const held = await db.session()
  const controller = new AbortController()
  const waiting = db.query('insert into t values (1)', [], { signal: controller.signal })
  controller.abort(new Error('left'))
  await assert.rejects(waiting, { code: 'Cancelled', outcome: 'not applied' })
  await held[Symbol.asyncDispose]()
  const { signal } = controller
  await assert.rejects(db.query('insert into t values (1)', [], { signal }), { code: 'Cancelled' })
  let ran = false
  await assert.rejects(
    db.transaction(async () => void (ran = true), { signal }),
    { code: 'Cancelled' },
  )
  await assert.rejects(db.begin({ signal }), { code: 'Cancelled' })
  await assert.rejects(db.session({ signal }), { code: 'Cancelled' })
  assert.equal(ran, false)
  assert.deepEqual((await db.query('select count(*)::int as n from t')).rows, [{ n: 0 }])
})

test('idle connections are given up after their time', async () => {
  await using db = createDatabase({ url, service: 'pool-idle', pool: { max: 2, sharedLanes: 0, idleTimeoutMs: 50 } })
  await Promise.all([db.query('select 1'), db.query('select 1')])
  await until(async () => (await activity.count('pool-idle')) === 0)
  assert.equal((await db.query('select 1')).rowCount, 1)
})

test('an idle connection the server ended is not handed out', async () => {
  await using db = createDatabase({ url, service: 'pool-lost', pool: { max: 2, sharedLanes: 1 } })
  const pid = await db.transaction(async (tx) =>
    Number((await tx.query('select pg_backend_pid() as pid')).rows[0]?.['pid']),
  )
  await db.query('select 1')
  await activity.kill(pid)
  let attempts = 0
  const now = await db.transaction(async (tx) => {
    attempts = tx.attempt
    return Number((await tx.query('select pg_backend_pid() as pid')).rows[0]?.['pid'])
  })
  assert.notEqual(now, pid)
  assert.ok(attempts <= 2)
})

test('statements of one lane that take long one after the other do not make the server look dead', async () => {
  await using db = createDatabase({ url, pool: { max: 2, sharedLanes: 1 }, statementTimeoutMs: 1500 })
  const answers = await Promise.all(Array.from({ length: 16 }, () => db.query('select pg_sleep(0.3)')))
  assert.equal(answers.length, 16)
})

test('a server that falls silent is given up past the time limit of the statement', async () => {
  await using proxy = await startProxy(url)
  await using db = createDatabase({ url: proxy.url, pool: { max: 2, sharedLanes: 1 }, statementTimeoutMs: 500 })
  await db.query('insert into t values (8)')
  proxy.become('blackhole')
  await assert.rejects(db.query('insert into t values (9)'), { code: 'ConnectionLost', outcome: 'unknown' })
  proxy.become('forward')
  assert.equal((await db.query('select 1')).rowCount, 1)
})

test('a transaction whose server falls silent ends at its deadline and frees its slot', async () => {
  await using proxy = await startProxy(url)
  await using db = createDatabase({ url: proxy.url, pool: { max: 1 } })
  await assert.rejects(
    db.transaction(
      async (tx) => {
        await tx.query('select 1')
        proxy.become('blackhole')
        await tx.query('select 2')
      },
      { timeoutMs: 200 },
    ),
    { code: 'TransactionTimeout' },
  )
  proxy.become('forward')
  assert.equal((await db.query('select 1')).rowCount, 1)
})

test('close() returns although the server is silent, and refuses who waits for a first connection', async () => {
  await using proxy = await startProxy(url)
  const db = createDatabase({ url: proxy.url, pool: { max: 3, sharedLanes: 1 }, connectTimeoutMs: 500 })
  await Promise.all([db.query('select 1'), db.transaction((tx) => tx.query('select 1'))])
  void db.transaction(() => never).catch(() => undefined)
  proxy.become('blackhole')
  await db.close({ deadlineMs: 50 })
  const away = createDatabase({ url: proxy.url, connectTimeoutMs: 20_000 })
  const waiting = [away.query('select 1'), away.session(), away.transaction(async () => 1)]
  const refused = Promise.all(waiting.map((one) => assert.rejects(one, { code: 'DatabaseClosed' })))
  const from = performance.now()
  await away.close()
  assert.ok(performance.now() - from < 10_000, 'closing waited for the server as long as connecting does')
  await refused
})
