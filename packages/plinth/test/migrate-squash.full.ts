import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  createMigration,
  migrationStatus,
  readMigrations,
  revertMigrations,
  runMigrations,
  squashMigrations,
} from '../src/migrate.ts'
import { addFiles, migratedDatabase, migrationFolder } from './support/migrations.ts'

const { url, db, activity, empty } = await migratedDatabase()

const states = async (folder: string): Promise<string[]> =>
  (await migrationStatus(db, { folder })).map(({ id, state }) => `${id} ${state}`)
const tables = async (): Promise<unknown[]> =>
  (await activity.query(`select relname from pg_class where relnamespace = 'public'::regnamespace order by 1`)).map(
    ({ relname }) => relname,
  )

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

test('a squash takes the place of what it was made of, and a new database runs it', async () => {
  const folder = migrationFolder(history)
  await runMigrations(db, { folder, to: 3 })
  await squashMigrations({ folder, to: 3, name: 'start', scratch: url })
  assert.deepEqual(readdirSync(folder), ['0003_start', '0004_last'])
  assert.equal(readFileSync(join(folder, '0003_start', 'snapshot.json'), 'utf8'), '{"of": 3}')
  assert.deepEqual(await states(folder), ['0003_start squashed', '0004_last pending'])
  assert.deepEqual(
    (await runMigrations(db, { folder })).map(({ id }) => id),
    ['0004_last'],
  )
  assert.deepEqual(await states(folder), ['0003_start applied', '0004_last applied'])
  assert.deepEqual(await activity.query('select * from posts'), [{ id: 1, title: null }])

  await empty()
  await runMigrations(db, { folder, to: 3 })
  assert.deepEqual(await tables(), ['a', 'posts', 'users', 'users_pkey'])
  await revertMigrations(db, { folder })
  assert.deepEqual(await tables(), [])
})

test('a database that has only part of a squash is refused', async () => {
  const folder = migrationFolder(history)
  await runMigrations(db, { folder, to: 2 })
  await squashMigrations({ folder, to: 3, scratch: url })
  await assert.rejects(runMigrations(db, { folder }), {
    code: 'MigrationConflict',
    message: /has 0001_users, but not all of what 0003_squashed stands for/,
  })
})

test('what cannot be in one transaction is not squashed, and the folder stays as it was', async () => {
  const folder = migrationFolder({ ...history, '0003_posts/up.sql': '-- plinth: no-transaction\n\nvacuum' })
  await assert.rejects(squashMigrations({ folder }), {
    message: /0003_posts\/up\.sql, line 3, may need to run without/,
  })
  await createMigration({ folder, name: 'code', kind: 'code' })
  await assert.rejects(squashMigrations({ folder, from: 4 }), { message: /0005_code\/migration\.ts is no SQL/ })
  await assert.rejects(squashMigrations({ folder, to: 1 }), { code: 'InvalidOption' })
  assert.equal((await readMigrations(folder)).length, 5)
})

test('a squash that was cut off before it removed the last folder is refused, with how to end it', async () => {
  const folder = migrationFolder(history)
  const before = migrationFolder(history)
  await squashMigrations({ folder, to: 3, name: 'start', scratch: url })
  const left = ['0001_users', '0002_index', '0003_posts']
  // They are removed in the order of their numbers.
  for (const from of left.keys()) {
    for (const id of left.slice(from)) cpSync(join(before, id), join(folder, id), { recursive: true })
    await assert.rejects(readMigrations(folder), {
      message: /two migrations with the number 3/,
      hint: /a squash that was cut off, delete the folders that its up\.sql says it replaces/,
    })
    const text = readFileSync(join(folder, '0003_start', 'up.sql'), 'utf8')
    for (const [, id = ''] of text.matchAll(/^-- plinth: replaces (\S+)/gm))
      rmSync(join(folder, id), { recursive: true, force: true })
    assert.deepEqual(
      (await readMigrations(folder)).map(({ id }) => id),
      ['0003_start', '0004_last'],
    )
  }
})

test('a squash that would make another schema, or fail, is not written', async () => {
  const path = migrationFolder({
    '0001_a/up.sql': 'create schema other; set search_path to other; create table a ()',
    '0002_b/up.sql': 'create table b ()',
  })
  await assert.rejects(squashMigrations({ folder: path, scratch: url }), {
    code: 'InvalidMigration',
    message:
      /^0002_squashed would not leave what its migrations leave: table b: in the migrations, not in 0002_squashed;/,
  })
  const added = migrationFolder({
    '0001_a/up.sql': `create type mood as enum ('sad')`,
    '0002_b/up.sql': `alter type mood add value 'ok'`,
    '0003_c/up.sql': `create table a (mood mood default 'ok')`,
  })
  await assert.rejects(squashMigrations({ folder: added, from: 2, scratch: url }), {
    code: 'MigrationFailed',
    message: /0003_squashed\/up\.sql, line \d+: unsafe use of new value "ok" of enum type mood/,
  })
  await assert.rejects(squashMigrations({ folder: added, name: 'No Name', scratch: url }), { code: 'InvalidMigration' })
  assert.deepEqual(readdirSync(added), ['0001_a', '0002_b', '0003_c'])
})

test('a squash whose way back would leave another schema, or fail, is not written', async () => {
  const folder = migrationFolder({
    '0001_a/up.sql': 'create schema other; create table a ()',
    '0001_a/down.sql': 'drop table if exists a; drop schema other',
    '0002_b/up.sql': 'create table b ()',
    '0002_b/down.sql': 'drop table b; set search_path to other',
  })
  await assert.rejects(squashMigrations({ folder, scratch: url }), {
    code: 'InvalidMigration',
    message:
      'The way back of 0002_squashed would not leave what the ways back of its migrations leave: ' +
      'table a: in 0002_squashed, not in the migrations.',
  })
  addFiles(folder, { '0001_a/down.sql': 'drop table nowhere' })
  await assert.rejects(squashMigrations({ folder, scratch: url }), {
    code: 'MigrationFailed',
    message: /0001_a\/down\.sql, line 1: table "nowhere" does not exist/,
  })
  assert.deepEqual(readdirSync(folder), ['0001_a', '0002_b'])
})
