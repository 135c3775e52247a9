import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import { createDatabase } from '../src/database/database.ts'
import type { Database, PoolOptions } from '../src/database/queryable.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key)' })
const activity = await watchActivity(url)
const proxy = await startProxy(url)
after(() => activity.close())
after(() => proxy[Symbol.asyncDispose]())
beforeEach(async () => {
  proxy.heal()
  await activity.query('truncate t')
})

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)

/** With three connections that were used and are idle. */
async function threeIdle(pool: PoolOptions): Promise<Database & { readonly view: Pool }> {
  const db = createDatabase({ url: proxy.url, pool: { max: 3, sharedLanes: 0, acquireTimeoutMs: 20_000, ...pool } })
  const view = db.pgPool()
  await Promise.all([1, 2, 3].map(() => view.query('select pg_sleep(0.1)')))
  return Object.assign(db, { view })
}

/** The network is whole again as soon as a connection was given up; tells how long that took. */
function healWhenLost(): { readonly lostAfterMs: () => number } & Disposable {
  const begun = performance.now()
  let ms = 0
  const stop = onObservations({
    'connection.lost': () => {
      ms ||= performance.now() - begun
      proxy.become('forward')
    },
  })
  return { lostAfterMs: () => ms, [Symbol.dispose]: () => stop[Symbol.dispose]() }
}

test('BEGIN of a client into a black hole gives the connection up after 2 s, and the transaction runs on another', async () => {
  await using db = await threeIdle({})
  const client = await db.view.connect()
  client.on('error', (error) => assert.fail(error))
  proxy.become('blackhole')
  using network = healWhenLost()
  await client.query('begin')
  await client.query('insert into t values (1)')
  await client.query('commit')
  client.release()
  assert.ok(network.lostAfterMs() >= 1900 && network.lostAfterMs() < 3500, `${network.lostAfterMs()} ms`)
  assert.deepEqual(await saved(), [1])
})

test('what listeners to `connect` set up is there on the connection that takes the place of a dead one', async () => {
  await using db = await threeIdle({})
  db.view.on('connect', (client) => void client.query(`set search_path to 'everywhere'`))
  const client = await db.view.connect()
  proxy.become('blackhole')
  using _ = healWhenLost()
  await client.query('begin')
  const { rows } = await client.query('show search_path')
  await client.query('commit')
  client.release()
  assert.deepEqual(rows, [{ search_path: 'everywhere' }])
})

test('BEGIN does not leave a connection on which the client has set something', async () => {
  await using db = await threeIdle({})
  const client = await db.view.connect()
  await client.query(`set search_path to 'mine'`)
  proxy.cut()
  await assert.rejects(client.query('begin'))
  client.release()
})

test('a client given back while its BEGIN looks for another connection keeps none', async () => {
  await using db = createDatabase({
    url: proxy.url,
    pool: { max: 1, warm: 0, sharedLanes: 0, acquireTimeoutMs: 20_000 },
  })
  const view = db.pgPool()
  const client = await view.connect()
  proxy.become('refuse')
  proxy.cut()
  const back = new Promise((resolve) => view.once('release', resolve))
  const sent = Promise.allSettled([client.query('begin'), client.query('insert into t values (1)')])
  client.release()
  // It is given a second to end what it has sent.
  await back
  proxy.heal()
  const codes = (await sent).map((one) => one.status === 'rejected' && one.reason.code)
  assert.deepEqual(codes, ['TransactionClosed', 'TransactionClosed'])
  assert.equal((await db.query('select 1')).rowCount, 1)
  assert.deepEqual(await saved(), [])
})

test('a text that goes on behind BEGIN may take its time', async () => {
  await using db = await threeIdle({})
  const client = await db.view.connect()
  await client.query('begin; select pg_sleep(2.5)')
  await client.query('commit')
  client.release()
})

for (const [name, write] of [
  ['a write of pgPool()', (db: Database) => db.pgPool().query('insert into t values (1)')],
  ['a write of db.query', (db: Database) => db.query('insert into t values (1)')],
] as const) {
  test(`${name} asks first whether a connection that was idle for long is alive`, async () => {
    await using db = await threeIdle({ pingAfterMs: 200 })
    await sleep(300)
    proxy.become('blackhole')
    using network = healWhenLost()
    await write(db)
    assert.ok(network.lostAfterMs() < 3500, `${network.lostAfterMs()} ms`)
    assert.deepEqual(await saved(), [1])
  })

  test(`${name} does not ask when its connection was in use a moment ago`, async () => {
    await using db = await threeIdle({ pingAfterMs: 60_000 })
    await db.query('select 1')
    proxy.mark()
    await write(db)
    assert.equal(proxy.roundTrips, 1)
    assert.deepEqual(await saved(), [1])
  })
}
