import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { addMigration } from '../src/migrate/migration-folder.ts'
import { readMigrations } from '../src/migrate.ts'
import { migrationFolder } from './support/migrations.ts'

const refused = (files: Readonly<Record<string, string>>, message: RegExp): Promise<void> =>
  assert.rejects(readMigrations(migrationFolder(files)), { code: 'InvalidMigration', message })

test('migrations are read in the order of their numbers, with all that their folders hold', async () => {
  const folder = migrationFolder({
    '0010_b/up.sql': '-- plinth: no-transaction\nvacuum',
    '0009_a/up.sql': 'create table a ()',
    '0009_a/down.sql': 'drop table a',
    '0009_a/snapshot.json': '{}',
    '0011_c/migration.ts': 'export async function up() {}',
    'README.md': 'Notes are nobody’s migration.',
    '.0012_d.77/up.sql': 'half written',
  })
  const [a, b, c, ...more] = await readMigrations(folder)
  assert.deepEqual(more, [])
  const file = join(folder, '0009_a', 'down.sql')
  assert.deepEqual([a?.id, a?.number, a?.name], ['0009_a', 9, 'a'])
  assert.deepEqual(a?.down, { kind: 'sql', file, text: 'drop table a', inTransaction: true })
  assert.equal(a?.snapshot, join(folder, '0009_a', 'snapshot.json'))
  assert.deepEqual([b?.up.kind, b?.up.kind === 'sql' && b.up.inTransaction, b?.down], ['sql', false, undefined])
  assert.deepEqual(c?.up, { kind: 'code', file: join(folder, '0011_c', 'migration.ts') })
})

test('a folder that does not exist holds no migrations', async () => {
  assert.deepEqual(await readMigrations(join(migrationFolder({}), 'absent')), [])
})

test('the checksum is of the statements, and not of how a checkout ends its lines', async () => {
  const sums = ['select 1;\nselect 2', 'select 1;\r\nselect 2', '\ufeffselect 1;\nselect 2', 'select 1; select 2'].map(
    async (text) => (await readMigrations(migrationFolder({ '0001_a/up.sql': text })))[0]?.checksum,
  )
  const [unix, windows, marked, other] = await Promise.all(sums)
  assert.deepEqual([windows, marked], [unix, unix])
  assert.notEqual(other, unix)
})

test('what could not be run as it was meant is refused with its place', async () => {
  await refused({ 'users/up.sql': '' }, /users is not named like a migration/)
  await refused({ '0000_users/up.sql': '' }, /0000_users is not named like a migration/)
  await refused({ '0001_Users/up.sql': '' }, /0001_Users is not named like a migration/)
  await refused({ '0001_a/up.sql': '', '0001_b/up.sql': '' }, /two migrations with the number 1: 0001_a and 0001_b/)
  await refused({ '0001_a/up.sql': '', '0003_b/up.sql': '' }, /no migration between 0001_a and 0003_b/)
  await refused({ '0001_a/down.sql': '' }, /0001_a has no up\.sql/)
  await refused({ '0001_a/up.sql': '', '0001_a/migration.ts': '' }, /0001_a holds up\.sql and migration\.ts/)
})

test('a directive that is misspelt or below a statement is refused, not passed over as a comment', async () => {
  await refused({ '0001_a/up.sql': '\n-- plinth: no-transactions\n' }, /up\.sql, line 2: "no-transactions" is no dir/)
  await refused(
    { '0001_a/up.sql': 'vacuum;\n-- plinth: no-transaction\n' },
    /up\.sql, line 2: "no-transaction" must stand above/,
  )
})

test('a new migration gets the next number, and is there with all of its files', async () => {
  const folder = join(migrationFolder({}), 'migrations')
  await addMigration(folder, 'users', { 'up.sql': 'create table users ()' })
  const second = await addMigration(folder, 'posts', { 'up.sql': 'create table posts ()', 'snapshot.json': '{}' })
  assert.deepEqual([second.id, second.number], ['0002_posts', 2])
  assert.equal(readFileSync(join(folder, '0002_posts', 'snapshot.json'), 'utf8'), '{}')
  assert.deepEqual(readdirSync(folder), ['0001_users', '0002_posts'])
})

test('of two that add a migration at once under two names, not both get the number', async () => {
  const folder = migrationFolder({})
  const add = (name: string): Promise<unknown> => addMigration(folder, name, { 'up.sql': `create table ${name} ()` })
  const done = await Promise.allSettled([add('users'), add('posts')])
  assert.ok(done.some(({ status }) => status === 'rejected'))
  for (const one of done)
    if (one.status === 'rejected') assert.match(String(one.reason), /has the number 1 as well|could not be written/)
  assert.ok(readdirSync(folder).length < 2)
})

test('a new migration that cannot be written leaves nothing', async () => {
  const folder = migrationFolder({})
  await assert.rejects(addMigration(folder, 'Wrong Name', { 'up.sql': '' }), { code: 'InvalidMigration' })
  mkdirSync(join(folder, '.0001_users.0'))
  await assert.rejects(addMigration(folder, 'users', { 'no/such/folder': '' }), { code: 'InvalidMigration' })
  assert.ok(!existsSync(join(folder, '0001_users')))
})
