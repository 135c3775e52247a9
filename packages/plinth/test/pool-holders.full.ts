import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Observation } from '../src/observe/observation.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { errorOf, until } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int)' })

const only = (max: number) => ({ max, sharedLanes: 0 }) as const

test('a wait in vain lists who holds the connections: name, time, state and place', async () => {
  await using db = createDatabase({ url, pool: { ...only(3), acquireTimeoutMs: 1500 } })
  await using _session = await db.session()
  await using owned = await db.begin({ name: 'createOrder' })
  await owned.query('select 1')
  const slow = db.query('select pg_sleep(3)')
  const error = await errorOf(db.query('insert into t values (1)'))
  assert.ok(isPlinthError(error, 'PoolTimeout'))
  assert.match(error.message, /^No connection became free within 1500 ms: all 3 are held\n/)
  assert.match(error.message, /"session" for \d+ ms, idle, \S*pool-holders\.full\.ts:\d+/)
  assert.match(error.message, /"createOrder" for \d+ ms, idle in transaction, \S*pool-holders\.full\.ts:\d+/)
  assert.match(error.message, /"SELECT" for \d+ ms, running a statement/)
  await slow
})

test('transactions that all wait for their own pool are told within seconds, one of them, and the others go on', async () => {
  await using db = createDatabase({ url, misuse: 'observe', pool: { ...only(2), acquireTimeoutMs: 20_000 } })
  const both = Promise.withResolvers<void>()
  let inside = 0
  const order = (name: string): Promise<unknown> =>
    db.transaction(
      async (tx) => {
        await tx.query('select 1')
        if (++inside === 2) both.resolve()
        await both.promise
        await db.query('insert into t values (2)')
      },
      { name },
    )
  const begun = performance.now()
  const results = await Promise.allSettled([order('createOrder'), order('chargeCard')])
  assert.ok(performance.now() - begun < 10_000)
  const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  assert.equal(failed.length, 1)
  const [error] = failed
  assert.ok(isPlinthError(error, 'PoolSelfDeadlock'))
  assert.match(error.message, /^"INSERT t" waits for a connection that nobody can give back: each of the 2 holders/)
  assert.match(error.message, /"createOrder" for \d+ ms, idle in transaction/)
  assert.match(error.message, /"chargeCard" for \d+ ms, idle in transaction/)
})

test('a holder that is at work, or waits for nobody, is no deadlock', async () => {
  await using db = createDatabase({ url, misuse: 'observe', pool: { ...only(2), acquireTimeoutMs: 20_000 } })
  const outside = db.transaction(async (tx) => {
    await tx.query('select 1')
    await sleep(900)
  })
  const inside = db.transaction(async (tx) => {
    await tx.query('select 1')
    await db.query('insert into t values (3)')
  })
  await Promise.all([outside, inside])
  await using session = await db.session()
  const slow = session.query('select pg_sleep(1)')
  await db.transaction((tx) => Promise.all([tx.query('select pg_sleep(0.9)'), slow]))
})

test('who holds on too long is reported once with the stack of where it began, one that listens is not', async () => {
  const leaks: Observation[] = []
  using _ = onObservations({ leak: (one) => void leaks.push(one) })
  await using db = createDatabase({ url, pool: { ...only(3), leakAfterMs: 100 } })
  await using listener = await db.session()
  await listener.listen('news', () => undefined)
  await using _session = await db.session()
  const [leak] = await until(async () => leaks.length > 0 && leaks)
  await sleep(300)
  assert.equal(leaks.length, 1)
  assert.ok(leak?.kind === 'leak')
  assert.equal(leak.holder, 'session')
  assert.ok(leak.heldMs >= 100)
  assert.match(leak.place ?? '', /pool-holders\.full\.ts:\d+$/)
  assert.match(leak.stack ?? '', /pool-holders\.full\.ts/)
})

test('a transaction that sends nothing for a second is reported with its place', async () => {
  const idle: Observation[] = []
  using _ = onObservations({ 'transaction.idle': (one) => void idle.push(one) })
  await using db = createDatabase({ url, pool: only(1) })
  await db.transaction(
    async (tx) => {
      await tx.query('select 1')
      await until(async () => idle.length > 0)
      await sleep(700)
    },
    { name: 'slowOrder' },
  )
  assert.equal(idle.length, 1)
  assert.ok(idle[0]?.kind === 'transaction.idle' && idle[0].transaction === 'slowOrder')
  assert.match(idle[0].place ?? '', /pool-holders\.full\.ts:\d+$/)
})

test('connect() keeps connections warm past their idle time, and an old one is replaced', async () => {
  const pool = { max: 4, sharedLanes: 1, warm: 3, idleTimeoutMs: 100, lifetimeMs: 1500 }
  await using db = createDatabase({ url, pool })
  const opened: Observation[] = []
  using _ = onObservations({ 'connection.open': (one) => void opened.push(one) })
  await db.connect()
  await until(async () => opened.length === 3)
  await Promise.all(Array.from({ length: 4 }, () => db.transaction((tx) => tx.query('select pg_sleep(0.05)'))))
  const pid = async (): Promise<unknown> => (await db.one('select pg_backend_pid() as pid'))['pid']
  const first = await pid()
  await until(async () => (await pid()) !== first)
  assert.ok(opened.length >= 4)
})
