import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as migrateWithDrizzle } from 'drizzle-orm/node-postgres/migrator'
import { drizzle as drizzle045 } from 'drizzle-orm-045/node-postgres'
import { migrate as migrateWithDrizzle045 } from 'drizzle-orm-045/node-postgres/migrator'
import pg from 'pg'
import { DataSource, type QueryRunner } from 'typeorm'
import {
  type Baseline,
  baselineMigrations,
  type BaselineOptions,
  checkMigrations,
  migrationHistory,
  runMigrations,
} from '../src/migrate.ts'
import { migratedDatabase, migrationFolder } from './support/migrations.ts'
import { prismaMigrationsTable } from './support/prisma.ts'

// A database that another tool has migrated: the tool itself applies two migrations, Plinth adopts what they made and
// goes on with a third. node-pg-migrate is not installed; a table by hand stands for it in migrate-adopt.test.ts.

const { url, db, activity } = await migratedDatabase()

const users = 'create table users (id int primary key, name text)'
const posts = 'create table posts (id int primary key, author int references users)'
const folder = migrationFolder({
  '0001_users/up.sql': users,
  '0002_posts/up.sql': posts,
  '0003_titles/up.sql': 'alter table posts add title text',
})

/** Adopts what the tool made, goes on, and finds rows and schema as they must be. */
async function adopt(options: Pick<BaselineOptions, 'from' | 'table'>): Promise<Baseline['adopted']> {
  await activity.query(`insert into users values (1, 'Ada')`)
  const { baseline, adopted } = await baselineMigrations(db, { folder, to: 2, ...options })
  assert.deepEqual(
    baseline.map(({ id }) => id),
    ['0001_users', '0002_posts'],
  )
  assert.deepEqual(
    (await runMigrations(db, { folder })).map(({ id }) => id),
    ['0003_titles'],
  )
  const { drift, pending, conflicts } = await checkMigrations(db, { folder, scratch: url })
  assert.deepEqual({ drift, pending, conflicts }, { drift: [], pending: [], conflicts: [] })
  assert.deepEqual(await activity.query('select * from users left join posts on author = users.id'), [
    { id: null, name: 'Ada', author: null, title: null },
  ])
  return adopted
}

const isRecent = (date: Date | undefined): boolean => Math.abs(Date.now() - (date?.getTime() ?? 0)) < 60_000

async function withPool(work: (pool: pg.Pool) => Promise<unknown>): Promise<void> {
  const pool = new pg.Pool({ connectionString: url })
  try {
    await work(pool)
  } finally {
    await pool.end()
  }
}

test('Drizzle 1.0 has migrated it', async () => {
  const migrationsFolder = migrationFolder({
    '20260101000000_users/migration.sql': users,
    '20260201000000_posts/migration.sql': posts,
  })
  await withPool((pool) => migrateWithDrizzle(drizzle({ client: pool }), { migrationsFolder }))
  const adopted = await adopt({ from: 'drizzle' })
  assert.deepEqual(
    adopted.map(({ name, appliedAt }) => [name, isRecent(appliedAt)]),
    [
      ['20260101000000_users', true],
      ['20260201000000_posts', true],
    ],
  )
  assert.equal((await migrationHistory(db)).at(-1)?.note, 'drizzle: 2, the last 20260201000000_posts')
})

test('Drizzle 0.45 has migrated it, into a table with another name', async () => {
  const times = [1_760_000_000_000, 1_770_000_000_000]
  const tags = ['0000_users', '0001_posts']
  const entries = tags.map((tag, idx) => ({ idx, version: '7', when: times[idx], tag, breakpoints: true }))
  const migrationsFolder = migrationFolder({
    'meta/_journal.json': JSON.stringify({ version: '7', dialect: 'postgresql', entries }),
    '0000_users.sql': users,
    '0001_posts.sql': posts,
  })
  const options = { migrationsFolder, migrationsTable: 'older', migrationsSchema: 'public' }
  await withPool((pool) => migrateWithDrizzle045(drizzle045(pool), options))
  const adopted = await adopt({ from: 'drizzle', table: 'public.older' })
  assert.deepEqual(
    adopted.map(({ appliedAt }) => appliedAt?.getTime()),
    times,
  )
})

class Users1760000000000 {
  up = (runner: QueryRunner): Promise<void> => runner.query(users)
  down = (runner: QueryRunner): Promise<void> => runner.query('drop table users')
}

class Posts1770000000000 {
  up = (runner: QueryRunner): Promise<void> => runner.query(posts)
  down = (runner: QueryRunner): Promise<void> => runner.query('drop table posts')
}

class Undone1780000000000 {
  up = (runner: QueryRunner): Promise<void> => runner.query('create table undone ()')
  down = (runner: QueryRunner): Promise<void> => runner.query('drop table undone')
}

test('TypeORM has migrated it, and taken one back', async () => {
  const migrations = [Users1760000000000, Posts1770000000000, Undone1780000000000]
  const source = new DataSource({ type: 'postgres', url, migrations })
  await source.initialize()
  try {
    assert.equal((await source.runMigrations()).length, 3)
    await source.undoLastMigration()
  } finally {
    await source.destroy()
  }
  assert.deepEqual(await adopt({ from: 'typeorm' }), [
    { name: 'Users1760000000000', appliedAt: new Date(1_760_000_000_000) },
    { name: 'Posts1770000000000', appliedAt: new Date(1_770_000_000_000) },
  ])
})

test('Prisma has migrated it: what failed must be finished first, what was rolled back says nothing', async () => {
  await activity.query(`${users};${posts}`)
  await activity.query(await prismaMigrationsTable())
  await activity.query(`insert into _prisma_migrations (id, checksum, migration_name, started_at, finished_at, rolled_back_at)
    values ('1', '', '2025_users', '2025-01-01', '2025-01-01', null), ('2', '', '2026_posts', '2026-01-01', null, now()),
      ('3', '', '2026_posts', '2026-01-02', null, null)`)
  await assert.rejects(baselineMigrations(db, { folder, from: 'prisma' }), {
    code: 'MigrationConflict',
    message: /^2026_posts, a migration of prisma, failed/,
  })
  await activity.query(`update _prisma_migrations set finished_at = '2026-01-03' where id = '3'`)
  const adopted = await adopt({ from: 'prisma' })
  assert.deepEqual(
    adopted.map(({ name }) => name),
    ['2025_users', '2026_posts'],
  )
})
