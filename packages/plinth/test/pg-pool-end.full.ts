import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()

test('end() waits 10 s for a client that nobody gives back, takes its connection, and the database goes on', async () => {
  await using db = createDatabase({ url, pool: { max: 1 } })
  const pool = db.pgPool()
  const client = await pool.connect()
  const begun = performance.now()
  await pool.end()
  assert.ok(performance.now() - begun < 13_000)
  await assert.rejects(client.query('select 1'), { code: 'TransactionClosed' })
  assert.equal((await db.query('select 1')).rowCount, 1)
})

test('end() does not wait for a client whose connection db.close() has taken', async () => {
  const db = createDatabase({ url, pool: { max: 1 } })
  const pool = db.pgPool()
  const client = await pool.connect()
  await client.query('begin')
  const begun = performance.now()
  await Promise.all([pool.end(), db.close({ deadlineMs: 200 })])
  assert.ok(performance.now() - begun < 5000)
  assert.equal(client.listenerCount('error'), 0)
})
