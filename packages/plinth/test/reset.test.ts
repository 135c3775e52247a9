import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/index.ts'
import { resetDatabase, type ResetOptions, type ResetResult } from '../src/migrate.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { migrationFolder } from './support/migrations.ts'

const { url } = await testDatabase()
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 3 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('create table if not exists kept (id int)'))

const users = { '0001_users/up.sql': 'create table users (id int)' }
const reset = (
  migrations: string,
  options: Partial<ResetOptions['migrations']> = {},
  seeds = migrationFolder({}),
): Promise<ResetResult> =>
  resetDatabase(db, { guard: { url }, migrations: { folder: migrations, ...options }, seeds: { folder: seeds } })
const tables = async (): Promise<unknown[]> =>
  (await activity.query(`select relname from pg_class where relnamespace = 'public'::regnamespace order by 1`)).map(
    ({ relname }) => relname,
  )

for (const [what, migrations, seeds, code] of [
  ['a folder of migrations that is not there', 'no/such/folder', {}, 'InvalidMigration'],
  ['a migration that cannot be read', { '0001_a/up.sql': `select 'no end` }, {}, 'InvalidStatement'],
  ['a migration that cannot be loaded', { '0001_a/migration.ts': 'export const up = 1' }, {}, 'InvalidMigration'],
  ['a seed that is none', users, { '1_a.ts': 'export const seed = 1' }, 'InvalidSeed'],
  ['a folder of seeds that was named and is not there', users, 'no/such/folder', 'InvalidSeed'],
] as const) {
  test(`${what} is found before anything is dropped`, async () => {
    const [first, second] = [migrations, seeds].map((one) => (typeof one === 'string' ? one : migrationFolder(one)))
    await assert.rejects(reset(first ?? '', {}, second), { code })
    assert.ok((await tables()).includes('kept'))
  })
}

test('what was there is dropped, and the migrations are run', async () => {
  const folder = migrationFolder(users)
  for (let time = 1; time <= 2; time++) {
    const { migrations } = await reset(folder)
    assert.deepEqual(
      migrations.map(({ id }) => id),
      ['0001_users'],
    )
    assert.deepEqual(await tables(), ['users'])
  }
})

test('nothing is dropped while another process migrates', async () => {
  await activity.query('select pg_advisory_lock(8103, 1)')
  await assert.rejects(reset(migrationFolder(users), { lockWaitMs: 0 }), { code: 'LockTimeout' })
  await activity.query('select pg_advisory_unlock(8103, 1)')
  assert.ok((await tables()).includes('kept'))
})

test('a reset that is aborted ends the migration that runs, which is undone', async () => {
  const folder = migrationFolder({ ...users, '0002_slow/up.sql': 'create table slow (id int); select pg_sleep(20)' })
  const stop = new AbortController()
  const resetting = reset(folder, { signal: stop.signal })
  await activity.backend('select pg_sleep(20)')
  stop.abort(new RangeError('enough'))
  await assert.rejects(resetting, { code: 'Cancelled' })
  assert.deepEqual(await tables(), ['users'])
})
