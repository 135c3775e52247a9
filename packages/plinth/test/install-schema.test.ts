import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase, installSchema } from '../src/index.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 5 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('drop schema if exists plinth cascade'))

const versions = (): Promise<unknown> => activity.query('select version from plinth.schema_version order by version')

test('twenty services that start together install the schema once', async () => {
  const services = Array.from({ length: 4 }, () => createDatabase({ url, pool: { max: 3 } }))
  try {
    await Promise.all(Array.from({ length: 20 }, (_, i) => installSchema(services[i % 4] ?? db)))
  } finally {
    await Promise.all(services.map((service) => service.close()))
  }
  assert.deepEqual(await versions(), [{ version: 1 }, { version: 2 }, { version: 3 }])
})

test('a second installation changes nothing', async () => {
  await installSchema(db)
  await activity.query(`insert into plinth.idempotency values ('', 'k', '', null, gen_random_uuid(), now(), now())`)
  await installSchema(db)
  assert.equal((await activity.query('select 1 from plinth.idempotency')).length, 1)
})

test('an older schema is brought to the newest version, and keeps its rows', async () => {
  await installSchema(db)
  await activity.query('drop table plinth.task, plinth.worker, plinth.cron')
  await activity.query('drop table plinth.migration, plinth.migration_history')
  await activity.query('drop sequence plinth.worker_id')
  await activity.query('delete from plinth.schema_version where version > 1')
  await activity.query(`insert into plinth.idempotency values ('', 'k', '', null, gen_random_uuid(), now(), now())`)
  await installSchema(db)
  assert.deepEqual(await versions(), [{ version: 1 }, { version: 2 }, { version: 3 }])
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
  assert.deepEqual(await versions(), [{ version: 1 }, { version: 2 }, { version: 3 }])
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
