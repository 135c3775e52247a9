import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { splitServers } from '../src/driver/servers.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase({ script: 'create table t (id int)' })
const activity = await watchActivity(url)
after(() => activity.close())

test('a url with several servers is one url for each, with the same login, database and options', () => {
  const several = 'postgres://me:p%40,ss@a:1,[::1]:2,c/app?sslmode=disable&application_name=x,y'
  const same = (server: string) => `postgres://me:p%40,ss@${server}/app?sslmode=disable&application_name=x,y`
  assert.deepEqual(splitServers(several), ['a:1', '[::1]:2', 'c'].map(same))
  const one = 'postgres://me:a,b@host/app?options=-c x=1,2'
  assert.deepEqual(splitServers(one), [one])
  assert.throws(() => createDatabase({ url: 'postgres://a:1,b:x/app' }), { code: 'InvalidOption' })
})

test('the first server that can be reached is taken, and another one when it goes away', async () => {
  await using first = await startProxy(url)
  await using second = await startProxy(url)
  first.become('refuse')
  const [one, two] = [new URL(first.url), new URL(second.url)]
  const both = first.url.replace(one.host, `${one.host},${two.host}`)
  await using db = createDatabase({ url: both, pool: { max: 2, acquireTimeoutMs: 20_000 } })
  assert.equal((await db.query('select 1')).rowCount, 1)
  first.become('forward')
  second.become('refuse')
  second.cut()
  assert.equal(await db.transaction(async (tx) => (await tx.query('select 1')).rowCount), 1)
  first.become('refuse')
  first.cut()
  await assert.rejects(db.connect({ deadlineMs: 1500 }).then(() => db.query('select 1', [], { timeoutMs: 1000 })))
})

test('a server that says nothing costs a second and not its time limit, at the start and when it falls silent', async () => {
  await using first = await startProxy(url)
  await using second = await startProxy(url)
  first.become('accept and be silent')
  const [one, two] = [new URL(first.url), new URL(second.url)]
  const both = first.url.replace(one.host, `${one.host},${two.host}`)
  const slow = { connectTimeoutMs: 60_000, pool: { max: 1, acquireTimeoutMs: 20_000 } }
  await using db = createDatabase({ url: both, ...slow })
  assert.equal((await db.query('select 1')).rowCount, 1)
  // The attempt that was not needed is given up, and the silent server is not asked again.
  await until(async () => first.open === 0)
  assert.deepEqual([first.accepted, second.accepted], [1, 1])
  first.become('forward')
  second.become('blackhole')
  assert.equal(await db.transaction(async (tx) => (await tx.query('select 1')).rowCount, { timeoutMs: 20_000 }), 1)
  assert.equal(first.open, 1)
})

test('a name that no server knows is asked for again, and who waits learns it within his own time', async () => {
  const attempts: number[] = []
  using _ = onObservations({ retry: ({ attempt }) => void attempts.push(attempt) })
  await using db = createDatabase({ url: 'postgres://me@nobody.invalid/app', pool: { acquireTimeoutMs: 3000 } })
  const error = await errorOf(db.query('select 1'))
  assert.equal(isPlinthError(error) && error.code, 'ConnectionFailed')
  assert.match(error.message, /ENOTFOUND|EAI_AGAIN/)
  assert.ok(attempts.length >= 2)
})

test('of two servers that answer late one connection is kept', async () => {
  await using first = await startProxy(url)
  await using second = await startProxy(url)
  for (const proxy of [first, second]) proxy.shape({ delayMs: 400 })
  const [one, two] = [new URL(first.url), new URL(second.url)]
  await using db = createDatabase({
    url: first.url.replace(one.host, `${one.host},${two.host}`),
    connectTimeoutMs: 60_000,
    pool: { max: 1, acquireTimeoutMs: 20_000 },
  })
  await db.connect()
  assert.equal((await db.query('select 1')).rowCount, 1)
  await until(async () => first.open + second.open === 1)
})

test('a write that meets a server without writes leaves its connections, and is run again on a new one', async () => {
  const readOnly = async (is: 'on' | 'off'): Promise<unknown> =>
    activity.query(`alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = ${is}`)
  await using db = createDatabase({ url, pool: { max: 3, sharedLanes: 1 } })
  await readOnly('on')
  // What is opened now refuses writes for as long as it lives, as the connections to a demoted primary do.
  await Promise.all([1, 2].map(() => db.transaction((tx) => tx.query('select pg_sleep(0.1)'))))
  await readOnly('off')
  const attempt = await db.transaction(async (tx) => {
    await tx.query('insert into t values (1)')
    return tx.attempt
  })
  assert.equal(attempt, 2)
  assert.equal((await db.query('insert into t values (2)')).rowCount, 1)
  await assert.rejects(
    db.read((tx) => tx.query('insert into t values (3)')),
    { code: 'WriteInReadTransaction' },
  )
})
