import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import * as pg from 'drizzle-orm/pg-core'
import { createDatabase } from '../src/index.ts'
import { checkMigrations, describeDifference, runMigrations } from '../src/migrate.ts'
import { testDatabase, testServer } from './support/database.ts'
import { addFiles, migrationFolder } from './support/migrations.ts'

const { url: scratch } = await testServer()
const database = await testDatabase()
const db = createDatabase({ url: database.url })
after(() => db.close())

const folder = migrationFolder({
  '0001_users/up.sql': `
    create type mood as enum ('sad', 'ok');
    create table users (id int generated always as identity primary key, name varchar(120) not null, mood mood default 'ok');
    create index users_name on users (name);
    create function shout(text) returns text language sql as 'select upper($1)';
    create view names as select name from users;
    alter table users add since timestamptz default '2020-01-01 00:00:00+00', add lasts interval default '1 day 2:00',
      add ratio float8 default 0.1::float8;`,
  '0002_posts/up.sql': `create table posts (id serial primary key, author int references users);
    create table visits (at date not null, v int) partition by range (at);
    create index visits_at on visits (at); create table base (a int); create table child () inherits (base);`,
})
await db.connect()
await runMigrations(db, { folder })

test('a database as its migrations left it has no drift, whatever stands in schemas that are not theirs', async () => {
  await db.query('create schema queue')
  await db.query('create table queue.job (id int)')
  await db.query('create extension if not exists citext schema queue')
  await using session = await db.session()
  await session.script(`alter database ${new URL(database.url).pathname.slice(1)} set timezone = 'Asia/Tokyo';
    alter database ${new URL(database.url).pathname.slice(1)} set quote_all_identifiers = on;`)
  await db.query(`create table visits_2026 partition of visits for values from ('2026-01-01') to ('2027-01-01')`)
  await using later = createDatabase({ url: database.url })
  const found = await checkMigrations(later, { folder, scratch })
  assert.deepEqual(
    { ...found, versions: undefined },
    { drift: [], conflicts: [], pending: [], ungenerated: [], versions: undefined },
  )
})

test('the table of the tool that migrated the database before is no drift, and one that only has its name is', async () => {
  await using session = await db.session()
  await session.script(`
    create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null, finished_at timestamptz,
      migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
      started_at timestamptz not null default now(), applied_steps_count integer not null default 0);
    create table migrations (id serial primary key, "timestamp" bigint not null, name varchar not null);
    create table renamed (id serial primary key, name varchar(255) not null, run_on timestamp not null);
    create table older (id serial primary key, hash text not null, created_at bigint);
    create table newer (id serial primary key, hash text not null, created_at bigint, name text, applied_at timestamptz);`)
  assert.deepEqual((await checkMigrations(db, { folder, scratch })).drift, [])
  await session.script('alter table migrations add more int')
  assert.deepEqual(
    (await checkMigrations(db, { folder, scratch })).drift.map(({ kind, name }) => `${kind} ${name}`),
    ['table migrations', 'sequence migrations_id_seq'],
  )
  await session.script('drop table _prisma_migrations, migrations, renamed, older, newer')
})

test('each object that somebody changed by hand is told with both definitions, and what hangs on a table with it', async () => {
  await using session = await db.session()
  await session.script(`
    drop index users_name;
    drop view names;
    alter table users alter name type varchar(200), add nickname text;
    alter type mood add value 'glad' before 'ok';
    alter table posts drop constraint posts_author_fkey;
    alter sequence posts_id_seq cycle;
    alter table child no inherit base;
    create statistics names_and_moods on name, mood from users;
    create table notes (id int primary key, text text);
    create or replace function shout(text) returns text language sql as 'select lower($1)';`)
  const { drift } = await checkMigrations(db, { folder, scratch })
  assert.deepEqual(
    drift.map((one) => describeDifference(one, 'the migrations', 'the database')),
    [
      'table child: plain in the database, plain inherits public.base in the migrations',
      "enum mood: 'sad', 'glad', 'ok' in the database, 'sad', 'ok' in the migrations",
      'view names: in the migrations, not in the database (SELECT name FROM public.users;)',
      'statistics names_and_moods: in the database, not in the migrations ' +
        '(CREATE STATISTICS public.names_and_moods ON name, mood FROM public.users)',
      'table notes: in the database, not in the migrations',
      'constraint posts.posts_author_fkey: in the migrations, not in the database (FOREIGN KEY (author) REFERENCES public.users(id))',
      'sequence posts_id_seq: integer start 1 increment 1 min 1 max 2147483647 cache 1 cycle owned by public.posts.id ' +
        'in the database, integer start 1 increment 1 min 1 max 2147483647 cache 1 owned by public.posts.id in the migrations',
      `function shout(text): md5 ${hash(drift, 'found')} in the database, md5 ${hash(drift, 'expected')} in the migrations`,
      'column users.name: character varying(200) not null in the database, character varying(120) not null in the migrations',
      'column users.nickname: in the database, not in the migrations (text)',
      'index users_name: in the migrations, not in the database (CREATE INDEX users_name ON public.users USING btree (name))',
    ],
  )
})

function hash(
  drift: readonly { readonly kind: string; readonly found?: string; readonly expected?: string }[],
  side: 'found' | 'expected',
): string {
  const [, md5 = ''] = /^md5 ([0-9a-f]{32})$/.exec(drift.find(({ kind }) => kind === 'function')?.[side] ?? '') ?? []
  return md5
}

test('a file that was changed after it ran, one that waits, and entities ahead of the snapshot are told', async () => {
  addFiles(folder, {
    '0002_posts/up.sql': 'create table posts (id serial primary key, author int references users, title text);',
    '0003_more/up.sql': 'create table more (id int);',
  })
  const entities = { more: pg.pgTable('more', { id: pg.integer() }) }
  const found = await checkMigrations(db, { folder, scratch, entities })
  assert.deepEqual(
    found.conflicts.map(({ id, state }) => [id, state]),
    [['0002_posts', 'changed']],
  )
  assert.deepEqual(found.pending, ['0003_more'])
  assert.deepEqual(found.ungenerated, ['CREATE TABLE "more" (\n\t"id" integer\n);'])
  assert.ok(found.drift.some(({ name }) => name === 'posts.title'))
})
