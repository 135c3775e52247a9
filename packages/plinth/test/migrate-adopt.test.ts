import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import {
  baselineMigrations,
  createMigration,
  migrationHistory,
  migrationScript,
  migrationStatus,
  runMigrations,
} from '../src/migrate.ts'
import { readScript } from '../src/sql/script.ts'
import { addFiles, migratedDatabase, migrationFolder } from './support/migrations.ts'

const { url, db, activity } = await migratedDatabase()

const states = async (folder: string): Promise<string[]> =>
  (await migrationStatus(db, { folder })).map(({ id, state }) => `${id} ${state}`)
const tables = async (): Promise<unknown[]> =>
  (await activity.query(`select relname from pg_class where relnamespace = 'public'::regnamespace order by 1`)).map(
    ({ relname }) => relname,
  )

const adopted = {
  '0001_baseline/up.sql': 'create table users (id int primary key)',
  '0002_posts/up.sql': 'create table posts (id int)',
}

test('a database that is there already is adopted without running what it has', async () => {
  const folder = migrationFolder(adopted)
  await activity.query('create table users (id int primary key)')
  const { baseline } = await baselineMigrations(db, { folder })
  assert.deepEqual(
    baseline.map(({ id }) => id),
    ['0001_baseline'],
  )
  await runMigrations(db, { folder })
  assert.deepEqual(await tables(), ['posts', 'users', 'users_pkey'])
  await assert.rejects(baselineMigrations(db, { folder }), { code: 'MigrationConflict', message: /needs no baseline/ })
})

test('a baseline may be more than the first migration', async () => {
  const folder = migrationFolder(adopted)
  await assert.rejects(baselineMigrations(db, { folder, to: 3 }), { code: 'InvalidOption' })
  await baselineMigrations(db, { folder, to: 2 })
  assert.deepEqual(await states(folder), ['0001_baseline applied', '0002_posts applied'])
})

test('the table of node-pg-migrate, made by hand since that is not installed here, is read; an absent or empty one is refused', async () => {
  const folder = migrationFolder(adopted)
  const adopt = (table?: string): Promise<{ adopted: readonly unknown[] }> =>
    baselineMigrations(db, { folder, from: 'node-pg-migrate', ...(table === undefined ? {} : { table }) })
  await activity.query(
    'create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null)',
  )
  await assert.rejects(adopt('elsewhere.migrations'), { code: 'InvalidOption', message: /no table elsewhere/ })
  await assert.rejects(adopt(), { code: 'MigrationConflict', message: /node-pg-migrate has run no migration/ })
  await activity.query(`insert into pgmigrations (name, run_on) values ('1_init', '2026-01-02 03:04:05')`)
  assert.deepEqual((await adopt()).adopted, [{ name: '1_init', appliedAt: new Date('2026-01-02 03:04:05') }])
})

const history = {
  '0001_users/up.sql': 'create table users (id int primary key)',
  '0001_users/down.sql': 'drop table users -- all of them;',
  '0002_index/up.sql': '-- plinth: no-transaction\ncreate index concurrently a on users (id);',
  '0002_index/down.sql': '-- plinth: no-transaction\ndrop index concurrently a',
  '0003_posts/up.sql': 'create table posts (id int);\ninsert into posts values (1)',
  '0003_posts/down.sql': 'drop table posts;',
  '0003_posts/snapshot.json': '{"of": 3}',
  '0004_last/up.sql': 'alter table posts add title text',
}

/** As psql does: statement by statement, and no further than one that fails. */
async function runLikePsql(script: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const piece of readScript(script)) if (piece.kind === 'statement') await client.query(piece.text)
  } finally {
    await client.end()
  }
}

test('the script for psql does what a run does, once, from no table at all', async () => {
  const folder = migrationFolder({ ...history, '0003_posts/up.sql': 'begin; create table posts (); commit;' })
  await activity.query('drop schema plinth cascade')
  const script = await migrationScript({ folder, to: 3 })
  await runLikePsql(script)
  assert.deepEqual(await states(folder), [
    '0001_users applied',
    '0002_index applied',
    '0003_posts applied',
    '0004_last pending',
  ])
  assert.deepEqual(
    (await migrationHistory(db)).map(({ number }) => number),
    [3, 2, 1],
  )
  await assert.rejects(runLikePsql(script), { message: /for a database at migration 0, and this one is at 3/ })
  await runLikePsql(await migrationScript({ folder, after: 3 }))
  assert.deepEqual(await runMigrations(db, { folder }), [])
})

test('a script that stops half way in a file without a transaction leaves it broken', async () => {
  const folder = migrationFolder({
    '0001_a/up.sql': '-- plinth: no-transaction\ncreate table a ();\nselect * from nowhere',
  })
  await assert.rejects(migrationScript({ folder, after: 1 }), { code: 'InvalidOption' })
  await assert.rejects(migrationScript({ folder: 'no/such/folder' }), { message: /^There is no folder / })
  await assert.rejects(runLikePsql(await migrationScript({ folder })), { code: '42P01' })
  await assert.rejects(runMigrations(db, { folder }), {
    code: 'MigrationBroken',
    message: /statement 2 of its up\.sql was/,
  })
  addFiles(folder, { '0002_b/up.sql': 'create table b ()' })
  await assert.rejects(runLikePsql(await migrationScript({ folder, after: 1 })), {
    message: 'Migration 1 is running, not applied: see plinth migrate status.',
  })
})

test('a module has no script', async () => {
  const folder = migrationFolder({})
  await createMigration({ folder, name: 'code', kind: 'code' })
  await assert.rejects(migrationScript({ folder }), {
    code: 'InvalidMigration',
    message: /0001_code\/migration\.ts is no SQL/,
  })
})
