import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createDatabase } from '../src/index.ts'
import { testDatabase } from './support/database.ts'

const url = new URL((await testDatabase()).url)
const database = url.pathname.slice(1)
const elsewhere = {
  PGHOST: '192.0.2.1',
  PGPORT: '1',
  PGUSER: 'nobody_here',
  PGDATABASE: 'none_here',
  PGOPTIONS: '-c no_such_setting=1',
}
const earlier = { ...process.env }
before(() => Object.assign(process.env, elsewhere))
after(() => {
  for (const name of Object.keys(elsewhere)) delete process.env[name]
  Object.assign(process.env, earlier)
})

const where = 'select current_database()::text as database, current_user::text as user'

test('which server and database it is, is read from the url alone', async () => {
  const short = `postgres:///${database}?port=${url.port}&user=${url.username}&password=${url.password}`
  for (const given of [short, `${short}&host=192.0.2.1&host=localhost`]) {
    await using db = createDatabase({ url: given, connectTimeoutMs: 2000 })
    await db.connect({ deadlineMs: 10_000 })
    assert.deepEqual(await db.one(where), { database, user: url.username })
  }
})

test('PGOPTIONS does not reach a pooler either', async () => {
  await using db = createDatabase({ url: url.href, pooler: 'transaction' })
  assert.deepEqual(await db.one(where), { database, user: url.username })
})

test('without a user and a database both are named as the account of this process', async () => {
  await using db = createDatabase({ url: `postgres://${url.host}?password=x`, connectTimeoutMs: 2000 })
  const error = await db.connect({ deadlineMs: 5000 }).then(
    () => undefined,
    (failure: unknown) => failure,
  )
  assert.doesNotMatch(String(error), /none_here|nobody_here/)
})
