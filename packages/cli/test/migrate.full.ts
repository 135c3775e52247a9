import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { createTestDatabase, type TestDatabase } from 'plinth/testing'
import { type Ended, plinth, refusal, temporaryFolder } from './support/command.ts'

const cwd = temporaryFolder()
let made: TestDatabase

before(async () => {
  made = await createTestDatabase({ server: { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' } })
  write('plinth.config.ts', `export default { url: ${JSON.stringify(made.url)}, migrations: 'database/migrations' }`)
})
after(() => made.drop())

function write(path: string, text: string): void {
  mkdirSync(dirname(join(cwd, path)), { recursive: true })
  writeFileSync(join(cwd, path), text)
}

const migrate = (...args: readonly string[]): Promise<Ended> => plinth(['migrate', ...args], { cwd }).ended

test('a migration is created, run, looked at and reverted, and scripts can read all of it', async () => {
  assert.equal((await migrate('create', 'users')).stdout, 'database/migrations/0001_users/up.sql\n')
  write('database/migrations/0001_users/up.sql', 'create table users (id int primary key);')
  write('database/migrations/0001_users/down.sql', 'drop table users;')
  const before = await migrate('status')
  assert.deepEqual([before.code, before.stdout.includes('0001_users   pending')], [3, true])
  assert.match((await migrate('run', '--dry-run')).stdout, /Would run, in this order:\n {2}0001_users\n/)
  const run = await migrate('run')
  assert.match(run.stdout, /0001_users +applied +\d+ ms/)
  // Also without a terminal, or an hour in CI would be silent.
  assert.equal(run.code, 0)
  assert.match(run.stderr, /^0001_users up, 1 of 1\n0001_users applied in [\d.]+ m?s\n$/)
  assert.equal((await migrate('run')).stdout, 'Nothing to run: the database has them all.\n')
  assert.equal((await migrate('status')).code, 0)
  const revert = await migrate('revert', '--json')
  assert.match(revert.stderr, /^0001_users down, 1 of 1\n0001_users reverted in [\d.]+ m?s\n$/)
  const reverted: unknown = JSON.parse(revert.stdout)
  assert.equal(Array.isArray(reverted) && reverted[0].direction, 'down')
  assert.match((await migrate('history')).stdout, /revert +0001_users .*\n.* run +0001_users /)
})

test('a failure says where it is in one line, and ends with 1', async () => {
  write('database/migrations/0002_wrong/up.sql', '\nselect * from nowhere')
  const { code, stdout, stderr } = await migrate('run')
  assert.deepEqual([code, stdout], [1, ''])
  const line = stderr.trim().split('\n').at(-1) ?? ''
  assert.match(
    line,
    /^plinth: 0002_wrong was not applied: 0002_wrong\/up\.sql, line 2: relation "nowhere" does not exist/,
  )
  assert.match(line, /Done before it and kept: 0001_users\.$/)
})

test('what was done by hand is recorded, by any way to write the number', async () => {
  assert.equal((await migrate('resolve', '0002_wrong', '--applied')).stdout, 'Migration 2 counts as applied.\n')
  assert.equal((await migrate('status')).code, 0)
  assert.match(await refusal(['migrate', 'resolve', '2'], { cwd }), /give --applied or --reverted/)
  assert.match(await refusal(['migrate', 'revert', 'two'], { cwd }), /two is no number/)
})
