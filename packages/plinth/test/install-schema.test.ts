import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { versions as statements } from '../src/database/plinth-schema.ts'
import { createDatabase, installSchema } from '../src/index.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 5 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('drop schema if exists plinth cascade'))

const newest = statements.map((_, i) => ({ version: i + 1 }))
const versions = (): Promise<unknown> => activity.query('select version from plinth.schema_version order by version')

test('twenty services that start together install the schema once', async () => {
  const services = Array.from({ length: 4 }, () => createDatabase({ url, pool: { max: 3 } }))
  try {
    await Promise.all(Array.from({ length: 20 }, (_, i) => installSchema(services[i % 4] ?? db)))
  } finally {
    await Promise.all(services.map((service) => service.close()))
  }
  assert.deepEqual(await versions(), newest)
})

test('a second installation changes nothing', async () => {
  await installSchema(db)
  await activity.query(`insert into plinth.idempotency values ('', 'k', '', null, gen_random_uuid(), now(), now())`)
  await installSchema(db)
  assert.equal((await activity.query('select 1 from plinth.idempotency')).length, 1)
})

test('an older schema is brought to the newest version, and keeps its rows', async () => {
  await installSchema(db)
  const later = await activity.query(`select string_agg(format('plinth.%I', tablename), ', ') as names from pg_tables
    where schemaname = 'plinth' and tablename not in ('idempotency', 'schema_version')`)
  await activity.query(`drop table ${String(later[0]?.['names'])}`)
  await activity.query('drop sequence plinth.worker_id')
  await activity.query('delete from plinth.schema_version where version > 1')
  await activity.query(`insert into plinth.idempotency values ('', 'k', '', null, gen_random_uuid(), now(), now())`)
  await installSchema(db)
  assert.deepEqual(await versions(), newest)
  assert.equal((await activity.query('select 1 from plinth.idempotency')).length, 1)
  assert.equal((await activity.query('select 1 from plinth.task')).length, 0)
})

test('a migration installs the schema in its own transaction', async () => {
  const failing = db.transaction(async (tx) => {
    await installSchema(tx)
    throw new Error('mine')
  })
  await assert.rejects(failing, { message: 'mine' })
  assert.deepEqual(await activity.query(`select to_regnamespace('plinth') as made`), [{ made: null }])
  await db.transaction((tx) => installSchema(tx))
  assert.deepEqual(await versions(), newest)
})

test('who waits for another installation gives up at its deadline', async () => {
  await db.transaction(async (tx) => {
    await installSchema(tx)
    await using other = createDatabase({ url })
    await assert.rejects(installSchema(other, { deadlineMs: 200 }), { code: 'LockTimeout', retryable: true })
  })
})

test('the tables of a newer Plinth are left as they are', async () => {
  await installSchema(db)
  await activity.query('insert into plinth.schema_version values (99, now())')
  await activity.query('drop table plinth.idempotency')
  await installSchema(db)
  assert.deepEqual(await activity.query(`select to_regclass('plinth.idempotency') as made`), [{ made: null }])
})
