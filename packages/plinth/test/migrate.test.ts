import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDatabase, isPlinthError } from '../src/index.ts'
import {
  createMigration,
  migrationHistory,
  type MigrationProgress,
  migrationStatus,
  planMigrations,
  planRevert,
  redoMigration,
  resolveMigration,
  revertMigrations,
  runMigrations,
} from '../src/migrate.ts'
import { errorOf } from './support/activity.ts'
import { addFiles, migratedDatabase, migrationFolder } from './support/migrations.ts'

const { url, db, activity } = await migratedDatabase(4)

const users = {
  '0001_users/up.sql': 'create table users (id int primary key);\ninsert into users values (1);',
  '0001_users/down.sql': 'drop table users',
}
const posts = { '0002_posts/up.sql': 'create table posts (id int)', '0002_posts/down.sql': 'drop table posts' }
const index = {
  '0002_index/up.sql':
    '-- plinth: no-transaction\ncreate index concurrently a on users (id);\ncreate unique index concurrently b on users ((1));\n',
  '0002_index/down.sql': '-- plinth: no-transaction\ndrop index concurrently a;\ndrop index concurrently b;\n',
}

const tables = async (): Promise<unknown[]> =>
  (await activity.query(`select relname from pg_class where relnamespace = 'public'::regnamespace order by 1`)).map(
    ({ relname }) => relname,
  )
const states = async (folder: string): Promise<string[]> =>
  (await migrationStatus(db, { folder })).map(({ id, state }) => `${id} ${state}`)
const ids = (results: readonly { readonly id: string }[]): string[] => results.map(({ id }) => id)

test('pending migrations are run in order, once, and recorded with who ran them', async () => {
  await activity.query('drop schema plinth cascade')
  const folder = migrationFolder({ ...users, ...posts })
  assert.deepEqual(await states(folder), ['0001_users pending', '0002_posts pending'])
  assert.deepEqual(ids(await planMigrations(db, { folder })), ['0001_users', '0002_posts'])
  assert.deepEqual(await tables(), [])
  assert.deepEqual(ids(await runMigrations(db, { folder })), ['0001_users', '0002_posts'])
  assert.deepEqual(await runMigrations(db, { folder }), [])
  assert.deepEqual(await tables(), ['posts', 'users', 'users_pkey'])
  const [first] = await migrationStatus(db, { folder })
  assert.match(first?.appliedBy ?? '', /^\w+, migrator$/)
  assert.ok(first?.appliedAt instanceof Date)
})

test('a run may stop at a number', async () => {
  const folder = migrationFolder({ ...users, ...posts })
  assert.deepEqual(ids(await runMigrations(db, { folder, to: 1 })), ['0001_users'])
  await assert.rejects(runMigrations(db, { folder, to: 9 }), { code: 'InvalidOption' })
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_posts pending'])
})

test('a run that has nothing to do waits for nobody', async () => {
  const folder = migrationFolder(users)
  await runMigrations(db, { folder })
  await activity.query('select pg_advisory_lock(8103, 1)')
  assert.deepEqual(await runMigrations(db, { folder, lockWaitMs: 0 }), [])
  await activity.query('select pg_advisory_unlock(8103, 1)')
})

test("a run that has nothing to do upgrades Plinth's own tables all the same", async () => {
  const folder = migrationFolder(users)
  await runMigrations(db, { folder })
  await activity.query(`drop table plinth.seed, plinth.setting; delete from plinth.schema_version where version > 3`)
  assert.deepEqual(await runMigrations(db, { folder }), [])
  assert.deepEqual(await activity.query('select from plinth.seed'), [])
})

test('a migration that fails leaves nothing, says where, and keeps those before it', async () => {
  const folder = migrationFolder({ ...users, '0002_bad/up.sql': 'create table kept ();\n\nselect * from nowhere;' })
  const error = await errorOf(runMigrations(db, { folder }))
  assert.ok(isPlinthError(error, 'MigrationFailed'))
  assert.equal(error.outcome, 'not applied')
  assert.match(error.message, /^0002_bad was not applied: 0002_bad\/up\.sql, line 3: relation "nowhere" does not exist/)
  assert.match(error.hint ?? '', /Done before it and kept: 0001_users/)
  assert.deepEqual(await tables(), ['users', 'users_pkey'])
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_bad pending'])
})

test('a file that cannot be read stops the run before its first migration', async () => {
  const folder = migrationFolder({ ...users, '0002_bad/up.sql': `select 'no end` })
  await assert.rejects(runMigrations(db, { folder }), { message: /0002_bad\/up\.sql, line 1: A ' .* has no end/ })
  addFiles(folder, { '0002_bad/up.sql': '-- to be written\n' })
  await assert.rejects(runMigrations(db, { folder }), { code: 'InvalidMigration', message: /holds no statement/ })
  assert.deepEqual(await tables(), [])
})

test('reverting goes backwards, all or none of what was asked for', async () => {
  const folder = migrationFolder({ ...users, ...posts, '0003_final/up.sql': 'drop table posts' })
  await runMigrations(db, { folder })
  await assert.rejects(revertMigrations(db, { folder, steps: 2 }), { message: /0003_final cannot be reverted/ })
  assert.deepEqual(await tables(), ['users', 'users_pkey'])
  addFiles(folder, { '0003_final/down.sql': 'create table posts (id int)' })
  assert.deepEqual(ids(await planRevert(db, { folder, steps: 2 })), ['0003_final', '0002_posts'])
  assert.deepEqual(ids(await revertMigrations(db, { folder, steps: 2 })), ['0003_final', '0002_posts'])
  assert.deepEqual(await tables(), ['users', 'users_pkey'])
  assert.deepEqual(ids(await revertMigrations(db, { folder, steps: 9 })), ['0001_users'])
  const history = await migrationHistory(db)
  assert.deepEqual(
    history.map(({ number, change }) => `${change} ${number}`),
    ['revert 1', 'revert 2', 'revert 3', 'run 3', 'run 2', 'run 1'],
  )
})

test('redo runs the last migration as its file is by now', async () => {
  const folder = migrationFolder({ ...users, ...posts })
  await runMigrations(db, { folder })
  addFiles(folder, { '0002_posts/up.sql': 'create table posts (id int, title text)' })
  await redoMigration(db, { folder })
  assert.deepEqual(await activity.query('select title from posts'), [])
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_posts applied'])
})

test('a migration in TypeScript runs in its transaction, and errors of its own code say which it was', async () => {
  const folder = migrationFolder({
    ...users,
    '0002_fill/migration.ts': `
      export async function up(tx: { query(text: string, values?: unknown[]): Promise<unknown> }): Promise<void> {
        for (const id of [2, 3]) await tx.query('insert into users values ($1)', [id])
      }
      export const down = async (tx: { query(text: string): Promise<unknown> }) => {
        await tx.query('delete from users where id > 1')
        throw new RangeError('changed my mind')
      }`,
    '0003_wrong/migration.ts': 'export const down = 7',
  })
  await assert.rejects(runMigrations(db, { folder }), { message: /0003_wrong\/migration\.ts exports no function up/ })
  await runMigrations(db, { folder, to: 2 })
  assert.equal((await activity.query('select from users')).length, 3)
  await assert.rejects(revertMigrations(db, { folder }), {
    code: 'MigrationFailed',
    message: '0002_fill was not reverted: changed my mind',
  })
  assert.equal((await activity.query('select from users')).length, 3)
})

test('a migration that was created and not written yet is not run as if it were', async () => {
  for (const kind of ['sql', 'code'] as const) {
    const folder = migrationFolder({})
    await createMigration({ folder, name: 'later', kind })
    await assert.rejects(runMigrations(db, { folder }), { message: /0001_later.*(not written yet|holds no statement)/ })
    assert.deepEqual(await states(folder), ['0001_later pending'])
  }
})

test('what a migration sets for its session does not meet the next one', async () => {
  const folder = migrationFolder({
    '0001_a/up.sql': `create schema other; set search_path to other; set role pg_monitor; create temp table t ();`,
    '0002_b/up.sql': 'create table b (); create temp table t ();',
  })
  await runMigrations(db, { folder })
  assert.deepEqual(await tables(), ['b'])
})

test('a file with no-transaction runs what no transaction takes', async () => {
  const folder = migrationFolder({ ...users, ...index })
  await runMigrations(db, { folder })
  assert.deepEqual(await tables(), ['a', 'b', 'users', 'users_pkey'])
  await revertMigrations(db, { folder })
  assert.deepEqual(await tables(), ['users', 'users_pkey'])
})

test('a file with no-transaction that stops half way is broken, is refused, and is resolved by hand', async () => {
  const folder = migrationFolder({ ...users, ...index })
  await runMigrations(db, { folder, to: 1 })
  await activity.query('insert into users values (2)')
  await assert.rejects(runMigrations(db, { folder }), { code: 'MigrationBroken', outcome: 'unknown' })
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_index broken'])
  const refusal =
    /0002_index stopped half way: statement 2 of its up\.sql failed: .*line 3: could not create unique index/
  await assert.rejects(runMigrations(db, { folder }), { code: 'MigrationBroken', message: refusal })
  await assert.rejects(planMigrations(db, { folder }), { code: 'MigrationBroken' })
  await assert.rejects(revertMigrations(db, { folder }), { code: 'MigrationBroken' })
  await activity.query('drop index a, b; delete from users where id = 2')
  await resolveMigration(db, { folder, number: 2, as: 'reverted' })
  await runMigrations(db, { folder })
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_index applied'])
  const [again, resolved, broken] = await migrationHistory(db)
  assert.deepEqual([again?.change, resolved?.change, broken?.change], ['run', 'resolve', 'break'])
  assert.match(broken?.note ?? '', /^0002_index\/up\.sql, line 3: could not create unique index/)
  assert.match(resolved?.note ?? '', /^As reverted; it was 0002_index, broken: 0002_index/)
})

test('a file with no-transaction whose record cannot be written is broken, and its record says why', async () => {
  const folder = migrationFolder({
    ...users,
    '0002_b/up.sql': `-- plinth: no-transaction
      create table b ();
      select set_config('role', 'pg_monitor', false);
      create table c ();`,
  })
  await assert.rejects(runMigrations(db, { folder }), {
    code: 'MigrationBroken',
    message: /^0002_b stopped half way, at statement 3 of its up\.sql: .*permission denied/,
  })
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_b broken'])
  assert.match((await migrationStatus(db, { folder }))[1]?.stoppedAt?.error ?? 'none', /permission denied/)
})

for (const statement of ['set role pg_monitor', 'SET session Role none', 'set session authorization default']) {
  test(`a file with no-transaction must not say ${statement}, for its records are written in between`, async () => {
    const folder = migrationFolder({ '0001_a/up.sql': `-- plinth: no-transaction\nselect 1;\n${statement}` })
    await assert.rejects(runMigrations(db, { folder }), {
      code: 'InvalidMigration',
      message: /line 3: .* another role/,
    })
    assert.deepEqual(await states(folder), ['0001_a pending'])
  })
}

test('a listener that throws before the first statement is sent leaves the migration pending', async () => {
  const folder = migrationFolder({ '0001_a/up.sql': '-- plinth: no-transaction\ncreate table a ();\nselect 1' })
  const onProgress = ({ kind }: MigrationProgress): void => {
    if (kind === 'statement') throw new RangeError('mine')
  }
  await assert.rejects(runMigrations(db, { folder, onProgress }), { code: 'MigrationFailed', message: /mine/ })
  assert.deepEqual([await states(folder), await tables()], [['0001_a pending'], []])
})

test('a first statement that PostgreSQL undid leaves the migration pending', async () => {
  const folder = migrationFolder({ ...users, '0002_b/up.sql': '-- plinth: no-transaction\nselect * from nowhere' })
  await assert.rejects(runMigrations(db, { folder }), { code: 'MigrationFailed' })
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_b pending'])
})

test('a file with no-transaction must not begin one', async () => {
  const folder = migrationFolder({ '0001_a/up.sql': '-- plinth: no-transaction\nselect 1;\nbegin; select 2; commit' })
  await assert.rejects(runMigrations(db, { folder }), { code: 'InvalidMigration', message: /line 3: .* holds begin/ })
})

test('what a killed runner left behind counts as broken', async () => {
  const folder = migrationFolder({ ...users, ...index })
  await runMigrations(db, { folder })
  await activity.query(`update plinth.migration set state = 'running', statement = 2 where number = 2`)
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_index broken'])
  await activity.query('select pg_advisory_lock(8103, 1)')
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_index running'])
  await activity.query('select pg_advisory_unlock(8103, 1)')
  await assert.rejects(runMigrations(db, { folder }), {
    message: /statement 2 of its up\.sql was running when its process/,
  })
  await resolveMigration(db, { folder, number: 2, as: 'applied' })
  assert.deepEqual(await runMigrations(db, { folder }), [])
})

test('a file that was changed after it ran stops the run until it is put back or accepted', async () => {
  const folder = migrationFolder({ ...users, ...posts })
  await runMigrations(db, { folder, to: 1 })
  addFiles(folder, { '0001_users/up.sql': `${users['0001_users/up.sql']}\n-- explained` })
  assert.deepEqual(await states(folder), ['0001_users changed', '0002_posts pending'])
  await assert.rejects(runMigrations(db, { folder }), {
    code: 'MigrationConflict',
    message: /0001_users\/up\.sql was changed/,
  })
  await resolveMigration(db, { folder, number: 1, as: 'applied' })
  assert.deepEqual(ids(await runMigrations(db, { folder })), ['0002_posts'])
})

test('migrations of two branches with one number are told apart', async () => {
  const mine = migrationFolder({ ...users, '0002_mine/up.sql': 'create table mine ()' })
  const theirs = migrationFolder({ ...users, '0002_theirs/up.sql': 'create table theirs ()' })
  await runMigrations(db, { folder: mine })
  await assert.rejects(runMigrations(db, { folder: theirs }), {
    code: 'MigrationConflict',
    message: /The database has 0002_mine, .* does not have: it has 0002_theirs/,
  })
})

test('a migration that was passed over is refused', async () => {
  const folder = migrationFolder({ ...users, ...posts })
  await runMigrations(db, { folder })
  await resolveMigration(db, { folder, number: 1, as: 'reverted' })
  await assert.rejects(runMigrations(db, { folder }), {
    message: /0001_users was never run here, although 0002_posts was/,
  })
})

test('a database that is newer than the folder is refused, unless an older release may start on it', async () => {
  await runMigrations(db, { folder: migrationFolder({ ...users, ...posts }) })
  const older = migrationFolder(users)
  await assert.rejects(runMigrations(db, { folder: older }), { message: /has 0002_posts, .* newer than this folder/ })
  await activity.query('select pg_advisory_lock(8103, 1)')
  assert.deepEqual(await runMigrations(db, { folder: older, allowNewer: true, lockWaitMs: 0 }), [])
  await activity.query('select pg_advisory_unlock(8103, 1)')
})

test('a folder that does not exist is no folder without migrations', async () => {
  const folder = `${migrationFolder({})}/misspelt`
  await assert.rejects(runMigrations(db, { folder }), { code: 'InvalidMigration', message: /There is no folder/ })
})

test('who waits for another runner is told who it is, and gives up at the deadline', async () => {
  const folder = migrationFolder(users)
  await activity.query(`set application_name = 'the other one'; select pg_advisory_lock(8103, 1)`)
  const heard: MigrationProgress[] = []
  await assert.rejects(runMigrations(db, { folder, lockWaitMs: 150, onProgress: (one) => heard.push(one) }), {
    code: 'LockTimeout',
    retryable: true,
    message: /still being migrated by the other one \(pid \d+, user \w+, connected since/,
  })
  assert.equal(heard[0]?.kind === 'waiting' && heard[0].holder?.application, 'the other one')
  await activity.query('select pg_advisory_unlock(8103, 1)')
})

test('a migration that meets a locked table gives way and is run again', async () => {
  const folder = migrationFolder({ ...users, '0002_b/up.sql': 'create table b ();\nalter table users add name text' })
  await runMigrations(db, { folder, to: 1 })
  await activity.query('begin; lock table users in access share mode')
  const heard: string[] = []
  const onProgress = (one: MigrationProgress): void => {
    heard.push(one.kind === 'statement' ? `line ${one.line}, ${one.at} of ${one.of}` : one.kind)
    if (one.kind === 'retry') void activity.query('commit')
  }
  await runMigrations(db, { folder, lockTimeoutMs: 20, onProgress })
  assert.deepEqual(heard.slice(0, 4), ['begin', 'line 1, 1 of 2', 'line 2, 2 of 2', 'retry'])
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_b applied'])
})

test('an index that is built concurrently waits for older transactions, past the limit for locks', async () => {
  const folder = migrationFolder({
    ...users,
    '0002_a/up.sql': '-- plinth: no-transaction\ncreate index concurrently a on users (id)',
  })
  await runMigrations(db, { folder, to: 1 })
  await activity.query('begin isolation level repeatable read; select from users')
  const running = runMigrations(db, { folder, lockTimeoutMs: 20 })
  await activity.query('select pg_sleep(0.2)')
  await activity.query('commit')
  await running
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_a applied'])
})

test('a lock that stays is an error that says so, and the database is as before', async () => {
  const folder = migrationFolder({ ...users, '0002_b/up.sql': 'create table b ();\nalter table users add name text' })
  await runMigrations(db, { folder, to: 1 })
  await activity.query('begin; lock table users in access share mode')
  await assert.rejects(runMigrations(db, { folder, lockTimeoutMs: 20, lockAttempts: 1 }), {
    code: 'MigrationFailed',
    retryable: true,
    message: /0002_b\/up\.sql, line 2: canceling statement due to lock timeout/,
  })
  await activity.query('commit')
  assert.deepEqual(await states(folder), ['0001_users applied', '0002_b pending'])
})

test('a statement that may have committed inside is not run again when it meets a locked table', async () => {
  await activity.query('create table users (id int); create table seen (id int)')
  const block = 'do $$ begin insert into seen values (1); commit; lock table users; end $$;'
  const folder = migrationFolder({ '0001_block/up.sql': `-- plinth: no-transaction\n${block}` })
  await using holder = await db.begin()
  await holder.query('lock table users')
  await assert.rejects(runMigrations(db, { folder, lockTimeoutMs: 50, lockAttempts: 3 }), { code: 'MigrationBroken' })
  assert.equal((await activity.query('select from seen')).length, 1)
})

test('a statement has its own time limit, and not that of the handle', async () => {
  await using impatient = createDatabase({ url, statementTimeoutMs: 300 })
  const folder = migrationFolder({ '0001_a/up.sql': 'select pg_sleep(0.5)', '0002_b/up.sql': 'select pg_sleep(60)' })
  await assert.rejects(runMigrations(impatient, { folder, statementTimeoutMs: 1500 }), {
    message: /0002_b\/up\.sql, line 1: canceling statement due to statement timeout/,
  })
  assert.deepEqual(await states(folder), ['0001_a applied', '0002_b pending'])
})

test('an abort undoes what is running', async () => {
  const folder = migrationFolder({ '0001_a/up.sql': 'create table a (); select pg_sleep(60)' })
  const stop = new AbortController()
  const onProgress = (one: MigrationProgress): void => {
    if (one.kind === 'statement' && one.at === 2) setTimeout(() => stop.abort(), 10)
  }
  await assert.rejects(runMigrations(db, { folder, signal: stop.signal, onProgress }), { code: 'Cancelled' })
  assert.deepEqual(await tables(), [])
})

test('migrations are refused behind a pooler, where no lock can be held', async () => {
  await using pooled = createDatabase({ url, pooler: 'transaction' })
  const folder = migrationFolder(users)
  await assert.rejects(runMigrations(pooled, { folder }), { code: 'SessionStatement', message: /through a pooler/ })
})
