import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, test } from 'node:test'
import { inspect, promisify } from 'node:util'
import { createDatabase } from '../src/database/database.ts'
import { isServerError } from '../src/driver/peer.ts'
import { isPlinthError } from '../src/errors.ts'
import { errorOf } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({
  script: `create table t (id int primary key, secret text unique, n int check (n < 10), other int references t (id));
    insert into t values (1, 'hunter2', 1)`,
})
const db = createDatabase({ url, pool: { max: 2 } })
after(() => db.close())

const violations = [
  ['UniqueViolation', `insert into t values (2, 'hunter2')`, 't_secret_key'],
  ['CheckViolation', `insert into t values (2, 'hunter2x', 77)`, 't_n_check'],
  ['ForeignKeyViolation', `insert into t values (2, 'hunter2x', 1, 4242)`, 't_other_fkey'],
  ['NotNullViolation', `insert into t (secret) values ('hunter2x')`, undefined],
  ['InvalidValue', `select 'hunter2'::int`, undefined],
] as const

for (const [code, text, constraint] of violations)
  test(`${code}: names are kept, values are only in what the server said`, async () => {
    const error = await errorOf(db.query(text))
    assert.ok(isPlinthError(error, code))
    assert.equal(error.outcome, 'not applied')
    assert.ok(!/hunter2|77|4242/.test(error.message), error.message)
    assert.equal(error.server?.constraint, constraint)
    assert.ok(!Object.keys(error).includes('server'))
    // As a logger has it, with the causes. A statement's text is the caller's own.
    const logged = inspect(error, { depth: 8 }).replaceAll(text, '')
    assert.ok(!/hunter2|77|4242/.test(logged.replaceAll(/:\d+:\d+/g, '')), logged)
    assert.ok(isServerError(error.cause) && error.cause.code === error.sqlstate)
    assert.match(
      `${error.server?.message} ${error.server?.detail}`,
      code === 'NotNullViolation' ? /null/ : /hunter2|4242/,
    )
  })

test('an integrity error names constraint, table and columns as fields', async () => {
  await db.query(`create table booking (room int, "The, Day" date, who text, unique (room, "The, Day"),
    constraint who_once exclude (lower(who) with =))`)
  await db.query(`insert into booking values (1, '2026-11-27', 'Ada (the first)')`)
  const fieldsOf = async (text: string): Promise<unknown> => {
    const error = await errorOf(db.query(text))
    return isPlinthError(error) ? [error.constraint, error.table, error.columns] : error
  }
  assert.deepEqual(
    await Promise.all([
      fieldsOf(`insert into booking values (1, '2026-11-27', 'Bob')`),
      fieldsOf(`insert into booking values (2, '2026-11-27', 'ADA (the first)')`),
      fieldsOf(`insert into t values (2, 'x', 1, 4242)`),
      fieldsOf(`insert into t (secret) values ('x')`),
      fieldsOf(`insert into t values (2, 'x', 77)`),
      fieldsOf(`select 'x'::int`),
    ]),
    [
      ['booking_room_The, Day_key', 'booking', ['room', 'The, Day']],
      ['who_once', 'booking', ['lower(who)']],
      ['t_other_fkey', 't', ['other']],
      [undefined, 't', ['id']],
      ['t_n_check', 't', undefined],
      [undefined, undefined, undefined],
    ],
  )
})

test('a failure lets nobody else in the process die', async () => {
  const program = `
    import { createDatabase } from ${JSON.stringify(new URL('../src/database/database.ts', import.meta.url).href)}
    const db = createDatabase({ url: process.env.DB, pool: { max: 4, sharedLanes: 2, idleTimeoutMs: 50 } })
    const quiet = (promise) => promise.then(() => 0, () => 0)
    await db.connect()
    const session = await db.session()
    await session.listen('a', () => { throw new Error('mine') })
    await session.query("notify a, 'x'")
    db.on('state', () => { throw new Error('mine') })
    const tx = await db.begin({ timeoutMs: 300 })
    await tx.query('select 1')
    const held = quiet(db.transaction((tx) => tx.query('select pg_sleep(5)'), { retry: { attempts: 1 } }))
    const lane = quiet(db.query('select pg_sleep(5)'))
    const pids = 'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'
    await quiet(db.query(pids))
    await Promise.all([held, lane])
    void db.transaction(async (tx) => { void tx.query('select 1 / 0'); void tx.savepoint(async () => { throw new Error('mine') }) }).catch(() => 0)
    await quiet(tx.commit())
    await quiet(session[Symbol.asyncDispose]())
    await db.query('select 1')
    void db.transaction(() => new Promise(() => 0)).catch(() => 0)
    await db.close({ deadlineMs: 50 })
    console.log('alive')
  `
  const args = ['--conditions=plinth-dev', '--input-type=module', '-e', program]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, DB: url },
    timeout: 20_000,
  })
  assert.equal(stdout.trim(), 'alive', stderr)
})
