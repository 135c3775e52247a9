import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { loadSettingsUse, type SettingsUse } from '../src/catalog/settings-use.ts'
import { createDatabase } from '../src/database/database.ts'
import { testDatabase } from './support/database.ts'

const role = `uses_${randomBytes(5).toString('hex')}`
const { url } = await testDatabase({ script: 'create table notes (id int, owner text, body text)' })
const db = createDatabase({ url, pool: { max: 4 } })
after(async () => {
  await db.query(`drop role if exists ${role}`)
  await db.close()
})

type Found = Omit<SettingsUse, 'roles'>
const nothing: Found = { readsRequest: false, setsResponse: false, changesSession: false }

/** What is found while `made` is there. */
async function use(made: string, removed: string): Promise<Found> {
  await using session = await db.session()
  await session.script(made)
  try {
    const { roles: _, ...found } = await loadSettingsUse(db)
    return found
  } finally {
    await db.query(removed)
  }
}

const inFunction = (body: string): Promise<Found> =>
  use(`create function f() returns void language plpgsql as $f$ begin ${body}; end $f$`, 'drop function f()')

test('a database that says nothing of settings uses none', async () => {
  assert.deepEqual(await use('create view v as select body from notes', 'drop view v'), nothing)
  assert.deepEqual(await inFunction("update notes set owner = 'set' where body = 'request'"), nothing)
  assert.deepEqual(await inFunction("perform current_setting('my.tenant', true)"), nothing)
  assert.deepEqual(await inFunction("perform set_config('my.tenant', '1', true)"), nothing)
})

test('a reader of the request is found in each place that can hold one', async () => {
  const read = "current_setting('request.jwt.claims', true)"
  const places: readonly (readonly [string, string])[] = [
    [`create view v as select ${read} as x`, 'drop view v'],
    [`create policy p on notes using (owner = ${read})`, 'drop policy p on notes'],
    [`create policy p on notes for insert with check (owner = ${read})`, 'drop policy p on notes'],
    [`alter table notes alter owner set default ${read}`, 'alter table notes alter owner drop default'],
    [`alter table notes add constraint c check (owner = ${read})`, 'alter table notes drop constraint c'],
    [`create function f() returns text language sql as $f$ select ${read} $f$`, 'drop function f()'],
    [`create function f() returns text stable begin atomic select ${read}; end`, 'drop function f()'],
  ]
  for (const [made, removed] of places) assert.equal((await use(made, removed)).readsRequest, true, made)
})

test('a name that is not plain counts as one of the request', async () => {
  for (const body of [
    "perform current_setting('req' || 'uest.path')",
    "perform current_setting(name) from (values ('x')) v(name)",
    "perform current_setting('my.' || 'x')",
    "execute 'show request.path'",
  ])
    assert.equal((await inFunction(body)).readsRequest, true, body)
})

test('what sets the response, and what leaves something on the session, is found', async () => {
  const answers = await inFunction("perform set_config('response.status', '418', true)")
  assert.deepEqual(answers, { ...nothing, setsResponse: true, changesSession: true })
  assert.equal((await inFunction('set local "response.headers" = \'[]\'')).setsResponse, true)
  for (const body of [
    'set role none',
    "perform set_config('my.tenant', '1', false)",
    'reset role',
    'set session x.y = 1',
  ])
    assert.equal((await inFunction(body)).changesSession, true, body)
})

test('roles have their settings, but for those that the login may not set', async () => {
  await db.query(`create role ${role}`)
  await db.query(`alter role ${role} set statement_timeout = '1s'`)
  await db.query(`alter role ${role} set my.own = 'a=b'`)
  await db.query(`alter role ${role} set default_transaction_isolation = 'serializable'`)
  const { roles } = await loadSettingsUse(db)
  assert.deepEqual(roles.get(role), {
    statement_timeout: '1s',
    'my.own': 'a=b',
    default_transaction_isolation: 'serializable',
  })
})
