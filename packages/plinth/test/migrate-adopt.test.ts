import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as migrateWithDrizzle } from 'drizzle-orm/node-postgres/migrator'
import { drizzle as drizzle045 } from 'drizzle-orm-045/node-postgres'
import { migrate as migrateWithDrizzle045 } from 'drizzle-orm-045/node-postgres/migrator'
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

test('what Drizzle has run is read from its table, of 1.0 and of 0.45', async () => {
  const pool = new pg.Pool({ connectionString: url })
  try {
    const of1 = migrationFolder({ '20260101000000_first/migration.sql': 'create table a ()' })
    await migrateWithDrizzle(drizzle({ client: pool }), { migrationsFolder: of1 })
    const of045 = migrationFolder({
      'meta/_journal.json': JSON.stringify({
        version: '7',
        dialect: 'postgresql',
        entries: [{ idx: 0, version: '7', when: 1_760_000_000_000, tag: '0000_old', breakpoints: true }],
      }),
      '0000_old.sql': 'create table b ()',
    })
    await migrateWithDrizzle045(drizzle045(pool), { migrationsFolder: of045, migrationsTable: 'older' })
  } finally {
    await pool.end()
  }
  const folder = migrationFolder(adopted)
  const { adopted: found } = await baselineMigrations(db, { folder, from: 'drizzle' })
  assert.deepEqual(
    found.map(({ name }) => name),
    ['20260101000000_first'],
  )
  assert.ok(Date.now() - (found[0]?.appliedAt?.getTime() ?? 0) < 60_000)
  const [noted] = await migrationHistory(db)
  assert.equal(noted?.note, 'drizzle: 1, the last 20260101000000_first')
  await activity.query('truncate plinth.migration')
  const older = await baselineMigrations(db, { folder, from: 'drizzle', table: 'drizzle.older' })
  assert.deepEqual(
    older.adopted.map(({ appliedAt }) => appliedAt?.getTime()),
    [1_760_000_000_000],
  )
})

// As prisma 7 writes it: prisma/prisma-engines, schema-engine, flavour/postgres.
const prismaTable = `create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null,
  finished_at timestamptz, migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
  started_at timestamptz not null default now(), applied_steps_count integer not null default 0)`

test('a migration of Prisma that failed must be finished first; one that was rolled back says nothing', async () => {
  const folder = migrationFolder(adopted)
  await activity.query(prismaTable)
  await activity.query(`insert into _prisma_migrations (id, checksum, migration_name, finished_at, rolled_back_at)
    values ('1', '', '2025_init', now(), null), ('2', '', '2026_more', null, now()), ('3', '', '2026_more', null, null)`)
  const adopt = (): Promise<{ adopted: readonly unknown[] }> => baselineMigrations(db, { folder, from: 'prisma' })
  await assert.rejects(adopt(), { code: 'MigrationConflict', message: /^2026_more, a migration of prisma, failed/ })
  assert.deepEqual(await states(folder), ['0001_baseline pending', '0002_posts pending'])
  await activity.query(`update _prisma_migrations set finished_at = now() where id = '3'`)
  assert.equal((await adopt()).adopted.length, 2)
})

test('the tables of TypeORM and node-pg-migrate are read, and one that is absent or empty is refused', async () => {
  const folder = migrationFolder(adopted)
  await activity.query(`create table migrations (id serial primary key, "timestamp" bigint not null, name varchar not null);
    create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null)`)
  const adopt = (from: 'typeorm' | 'node-pg-migrate', table?: string): Promise<{ adopted: readonly unknown[] }> =>
    baselineMigrations(db, { folder, from, ...(table === undefined ? {} : { table }) })
  await assert.rejects(adopt('typeorm', 'elsewhere.migrations'), {
    code: 'InvalidOption',
    message: /no table elsewhere/,
  })
  await assert.rejects(adopt('typeorm'), { code: 'MigrationConflict', message: /typeorm has run no migration/ })
  await activity.query(`insert into migrations ("timestamp", name) values (1760000000000, 'Init1760000000000')`)
  await activity.query(`insert into pgmigrations (name, run_on) values ('1_init', now())`)
  assert.deepEqual((await adopt('typeorm')).adopted, [
    { name: 'Init1760000000000', appliedAt: new Date(1_760_000_000_000) },
  ])
  await activity.query('truncate plinth.migration')
  assert.equal((await adopt('node-pg-migrate')).adopted.length, 1)
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
