import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { after, beforeEach, test } from 'node:test'
import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 2, sharedLanes: 0 } })
const pool = db.pgPool()
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

const numbers = 'select n from generate_series(1, $1::int) n'
const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)

async function withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    return await work(client)
  } finally {
    client.release()
  }
}

test('a cursor reads in batches inside a transaction, and the statements behind it wait until it is closed', async () => {
  await withClient(async (client) => {
    await client.query('begin')
    await client.query('insert into t values (1)')
    const cursor = client.query(new Cursor<{ n: number }>(numbers, [5]))
    const next = client.query('insert into t values (2)')
    assert.deepEqual(await cursor.read(2), [{ n: 1 }, { n: 2 }])
    assert.deepEqual(await cursor.read(2), [{ n: 3 }, { n: 4 }])
    await cursor.close()
    assert.equal((await next).rowCount, 1)
    await client.query('commit')
  })
  assert.deepEqual(await saved(), [1, 2])
})

test('a query stream gives every row, and one that is left early leaves a client that works', async () => {
  await withClient(async (client) => {
    const rows: number[] = []
    for await (const { n } of client.query(new QueryStream(numbers, [250], { batchSize: 100 }))) rows.push(n)
    assert.deepEqual([rows.length, rows.at(-1)], [250, 250])
    for await (const { n } of client.query(new QueryStream(numbers, [1_000_000]))) if (n === 3) break
    assert.deepEqual((await client.query('select 1 as n')).rows, [{ n: 1 }])
  })
})

test('the failure of a cursor that nobody looked at is the cause when its transaction cannot commit', async () => {
  await withClient(async (client) => {
    await client.query('begin')
    await client.query('insert into t values (1)')
    const cursor = client.query(new Cursor('select 1 / $1::int as n', [0]))
    await cursor.read(1).catch(() => undefined)
    const error = await errorOf(client.query('commit'))
    assert.ok(isPlinthError(error, 'TransactionAborted'))
    assert.match(error.message, /statement 2 failed with 22012/)
    assert.ok(error.cause instanceof pg.DatabaseError)
  })
  assert.deepEqual(await saved(), [])
})

test('a cursor whose backend is killed tells its reader, and the pool serves on', async () => {
  await withClient(async (client) => {
    const pid = Number((await client.query('select pg_backend_pid() as pid')).rows[0]?.pid)
    const cursor = client.query(new Cursor(numbers, [1_000_000]))
    let told = 0
    assert.ok(cursor instanceof EventEmitter)
    cursor.on('error', () => told++)
    await cursor.read(1)
    await activity.kill(pid)
    await assert.rejects(cursor.read(1))
    await errorOf(client.query('select 1'))
    assert.equal(told, 1)
    assert.equal((await client.query('rollback')).command, 'ROLLBACK')
  })
  assert.equal((await pool.query('select 1')).rowCount, 1)
})

test('a cursor and a stream on a connection that is gone tell their reader', { timeout: 20_000 }, async () => {
  await withClient(async (client) => {
    await activity.kill(Number((await client.query('select pg_backend_pid() as pid')).rows[0]?.pid))
    await errorOf(client.query('select 1'))
    await assert.rejects(client.query(new Cursor(numbers, [1])).read(1))
    await assert.rejects(client.query(new QueryStream(numbers, [1])).toArray())
    await assert.rejects(client.query('select 1'))
  })
  assert.equal((await pool.query('select 1')).rowCount, 1)
})

test('a client given back with its cursor open loses the connection, and nobody inherits the cursor', async () => {
  const client = await pool.connect()
  const pid = Number((await client.query('select pg_backend_pid() as pid')).rows[0]?.pid)
  const cursor = client.query(new Cursor(numbers, [1_000_000]))
  await cursor.read(1)
  client.release()
  const others = await Promise.all([pool.query('select pg_backend_pid() as pid'), pool.query('select 1 as pid')])
  assert.ok(others.every(({ rows }) => rows[0]?.pid !== pid))
  const released = client.query(new Cursor('select 1'))
  await assert.rejects(released.read(1), { code: 'TransactionClosed' })
})

test("pg's own `rows` limit, which its pipeline refuses, runs", async () => {
  await withClient(async (client) => {
    const limited = { text: numbers, values: [7], rows: 3 } as pg.QueryConfig
    assert.deepEqual((await client.query(limited)).rows.length, 7)
    assert.deepEqual((await client.query('select 1 as n')).rows, [{ n: 1 }])
  })
})
