import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { lintMigrations, readMigrations } from '../src/migrate.ts'
import { migrationFolder } from './support/migrations.ts'

async function rules(files: Readonly<Record<string, string>>, exclude: readonly string[] = []): Promise<string[]> {
  const findings = await lintMigrations(await readMigrations(migrationFolder(files)), { exclude })
  return findings.map(({ id, line, rule }) => `${id}:${line} ${rule}`)
}

const index = 'create index concurrently users_name on users (name);\n'

test('locks that stop others, drops and required columns are found, with file, line and what to do', async () => {
  const folder = migrationFolder({
    '0001_users/up.sql': 'create table users (id int primary key, name varchar(120));\ncreate index on users (name);\n',
    '0002_more/up.sql':
      'alter table users\n  add column age int not null;\nalter table users drop column name;\ncreate index on users (age);\n',
  })
  const findings = await lintMigrations(await readMigrations(folder))
  assert.deepEqual(
    findings.map(({ id, line, rule }) => [id, line, rule]),
    [
      ['0002_more', 2, 'adding-required-field'],
      ['0002_more', 3, 'ban-drop-column'],
      ['0002_more', 4, 'require-concurrent-index-creation'],
    ],
  )
  assert.equal(findings[0]?.file, join(folder, '0002_more', 'up.sql'))
  assert.match(findings[0]?.advice ?? '', /--using/)
  assert.match(findings[1]?.advice ?? '', /-- squawk-ignore ban-drop-column above the statement/)
})

test('an index is built concurrently outside a transaction, and the header of the file says whether it is', async () => {
  assert.deepEqual(await rules({ '0001_a/up.sql': `-- plinth: no-transaction\n${index}` }), [])
  const found = ['0001_a:1 ban-concurrent-index-creation-in-transaction']
  assert.deepEqual(await rules({ '0001_a/up.sql': index }), found)
  assert.deepEqual(await rules({ '0001_a/up.sql': `${index}select 1;` }), found)
})

test('what is meant so is said above the statement, or of a rule as a whole; a module is passed over', async () => {
  const drop = 'drop table users;\n'
  assert.deepEqual(await rules({ '0001_a/up.sql': `-- squawk-ignore ban-drop-table\n${drop}` }), [])
  assert.deepEqual(await rules({ '0001_a/up.sql': drop }, ['ban-drop-table']), [])
  assert.deepEqual(await rules({ '0001_a/migration.ts': 'export const up = () => {}' }), [])
})

test('a file that is no SQL is a finding too', async () => {
  assert.deepEqual(new Set(await rules({ '0001_a/up.sql': 'selec 1;\n' })), new Set(['0001_a:1 syntax-error']))
})

test('a configuration of squawk that it cannot read is an error', async () => {
  await assert.rejects(rules({ '0001_a/up.sql': 'drop table users;', '.squawk.toml': '[bogus' }), {
    code: 'InvalidOption',
    message: /squawk could not be asked: .*bracket/,
  })
})
