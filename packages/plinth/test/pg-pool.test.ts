import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import pg from 'pg'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase({
  script: `create table t (id int primary key, other int,
    constraint later foreign key (other) references t (id) deferrable initially deferred)`,
})
const activity = await watchActivity(url)
const proxy = await startProxy(url)
const db = createDatabase({ url: proxy.url, pool: { max: 3, sharedLanes: 0 } })
const pool = db.pgPool()
after(() => activity.close())
after(() => proxy[Symbol.asyncDispose]())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

let forgotten = 0
after(onObservations({ 'transaction.forgotten': () => void forgotten++ }))

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)

test('it is a pg.Pool to whoever asks, and no promise', () => {
  assert.ok(pool instanceof pg.Pool)
  assert.equal('then' in pool, false)
  assert.deepEqual([pool.options.max, pool.listeners('error').length], [3, 0])
})

const queries: readonly (readonly [string, pg.QueryConfig | pg.QueryArrayConfig])[] = [
  [
    'types',
    { text: `select 1 as i, 2::bigint as b, 'x' as s, now()::date as d, '{1,2}'::int[] as a, '{"k":1}'::json as j` },
  ],
  ['parameters', { text: 'select $1::int as n, $2::text as s, $3::timestamptz as at', values: [1, null, new Date(0)] }],
  ['arrays', { text: 'select 1 as one, 2 as one', rowMode: 'array' }],
  ['a name', { name: 'by name', text: 'select $1::int as n', values: [7] }],
  ['the name again', { name: 'by name', text: 'select $1::int as n', values: [8] }],
  ['several statements', { text: 'select 1 as a; select 2 as b, 3 as c' }],
  ['no rows', { text: 'select 1 as n where false' }],
  ['nothing', { text: '' }],
  ['a count', { text: 'delete from t' }],
  [
    'own types',
    { text: 'select 1 as n', types: { getTypeParser: () => (text: string) => `<${text}>` } } as pg.QueryConfig,
  ],
]

for (const [name, config] of queries) {
  test(`a result is pg's own: ${name}`, async () => {
    const plain = new pg.Pool({ connectionString: url, max: 1 })
    const [theirs, ours] = await Promise.all([plain.query(config), pool.query(config)])
    await plain.end()
    // The parsers pg keeps in a result are functions of its own.
    assert.deepEqual(JSON.parse(JSON.stringify(ours)), JSON.parse(JSON.stringify(theirs)))
    assert.equal(Object(ours).constructor, Object(theirs).constructor)
  })
}

test("an error is pg's own, and the connection stays", async () => {
  const before = (await pool.query('select pg_backend_pid() as pid')).rows
  await pool.query('insert into t values (1)')
  const error = await errorOf(pool.query('insert into t values (1)'))
  assert.ok(error instanceof pg.DatabaseError)
  assert.deepEqual([error.code, error.constraint], ['23505', 't_pkey'])
  assert.deepEqual((await pool.query('select pg_backend_pid() as pid')).rows, before)
})

test('callbacks are called, with the client and its release', async () => {
  const rows = await new Promise((resolve, reject) =>
    pool.connect((failure, client, release) => {
      if (failure || !client) return reject(failure)
      client.query('select $1::int as n', [3], (error, result) => {
        release()
        return error ? reject(error) : resolve(result.rows)
      })
    }),
  )
  assert.deepEqual(rows, [{ n: 3 }])
  await new Promise<void>((resolve) =>
    pool.query('select 1 / 0', (error) => resolve(assert.equal(Object(error).code, '22012'))),
  )
})

test('COMMIT of a failed transaction is an error with the first failure, and nothing is saved', async () => {
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query('insert into t values (1)')
  await client.query('insert into t values (1)').catch(() => undefined)
  await client.query('insert into t values (2)').catch(() => undefined)
  const error = await errorOf(client.query('COMMIT'))
  assert.ok(isPlinthError(error, 'TransactionAborted'))
  assert.match(error.message, /statement 2 failed with 23505/)
  assert.equal(Object(error.cause).code, '23505')
  assert.deepEqual((await client.query('select count(*)::int as n from t')).rows, [{ n: 0 }])
  client.release()
})

test('a savepoint that is rolled back leaves a transaction that commits', async () => {
  const client = await pool.connect()
  for (const text of [
    'begin',
    'insert into t values (1)',
    'savepoint a',
    'insert into t values (1)',
    'rollback to a',
    'commit',
  ])
    await client.query(text).catch((error: Error) => assert.equal(Object(error).code, '23505'))
  client.release()
  assert.deepEqual(await saved(), [1])
})

test('what failed in a savepoint and was undone is not named for a later failure', async () => {
  const client = await pool.connect()
  for (const text of ['begin', 'savepoint a', 'select 1 / 0', 'rollback to a', `select 'x'::int`])
    await client.query(text).catch(() => undefined)
  const error = await errorOf(client.query('commit'))
  client.release()
  assert.match(error.message, /statement 4 failed with 22P02/)
})

test("a constraint that fails at COMMIT is pg's own error", async () => {
  const client = await pool.connect()
  await client.query('begin')
  await client.query('insert into t values (1, 99)')
  await assert.rejects(client.query('commit'), { code: '23503' })
  client.release()
  assert.deepEqual(await saved(), [])
})

test('a COMMIT whose answer is lost is a success where it was applied, and not applied where it never arrived', async () => {
  for (const side of ['answer', 'request'] as const) {
    await activity.query('truncate t')
    const client = await pool.connect()
    await client.query('begin')
    await client.query('insert into t values (1)')
    void proxy.loseCommit(side)
    if (side === 'answer') assert.equal((await client.query('commit')).command, 'COMMIT')
    else
      await assert.rejects(client.query('commit'), { code: 'ConnectionLost', outcome: 'not applied', retryable: true })
    client.release()
    assert.deepEqual(await saved(), side === 'answer' ? [1] : [])
  }
})

test('what one text began and wrote is asked about too', async () => {
  const client = await pool.connect()
  await client.query('begin; insert into t values (1)')
  void proxy.loseCommit('request')
  await assert.rejects(client.query('commit'), { code: 'CommitUnknown' })
  client.release()
})

test('ROLLBACK on a dead connection answers, so that the first error is the one its caller sees', async () => {
  const client = await pool.connect()
  await client.query('begin')
  const pid = Number((await client.query('select pg_backend_pid() as pid')).rows[0]?.pid)
  await activity.kill(pid)
  await assert.rejects(client.query('select 1'))
  assert.equal((await client.query('rollback')).command, 'ROLLBACK')
  await assert.rejects(client.query('commit; begin'))
  client.release()
})

test('a COMMIT on a dead connection says that nothing was saved', async () => {
  const client = await pool.connect()
  await client.query('begin')
  await client.query('insert into t values (1)')
  await activity.kill(Number((await client.query('select pg_backend_pid() as pid')).rows[0]?.pid))
  await client.query('select 1').catch(() => undefined)
  await assert.rejects(client.query('commit'), { code: 'ConnectionLost', outcome: 'not applied' })
  client.release()
})

test('a forgotten COMMIT is rolled back and told, and its connection serves on', async () => {
  const client = await pool.connect()
  await client.query('begin')
  await client.query('insert into t values (1)')
  client.release()
  await until(async () => forgotten === 1)
  assert.deepEqual((await pool.query('select count(*)::int as n from t')).rows, [{ n: 0 }])
})

test('the pool tells of each client that is given back, and of one whose connection is gone', async () => {
  const heard: string[] = []
  const view = db.pgPool()
  view.on('release', (error) => heard.push(`release ${error?.message}`))
  view.on('remove', () => heard.push('remove'))
  const [kept, thrown] = [await view.connect(), await view.connect()]
  kept.release()
  thrown.release(new Error('mine'))
  await view.end()
  assert.deepEqual(heard, ['release undefined', 'release mine', 'remove'])
})

test('a write refused as read-only gives its connection up, but not inside BEGIN READ ONLY', async () => {
  await using one = createDatabase({ url, pool: { max: 1 } })
  const view = one.pgPool()
  const refused = async (...begin: readonly string[]): Promise<unknown> => {
    const client = await view.connect()
    for (const text of begin) await client.query(text)
    const { rows } = await client.query('select pg_backend_pid() as pid')
    await assert.rejects(client.query('insert into t values (1)'), { code: '25006' })
    await client.query('rollback')
    client.release()
    return rows
  }
  const pid = async (): Promise<unknown> => (await view.query('select pg_backend_pid() as pid')).rows
  assert.deepEqual(await refused('begin read only'), await pid())
  // As a server would that has become a standby; the setting itself is no reason to reset the connection.
  assert.notDeepEqual(await refused(`begin; set local transaction_read_only = on`), await pid())
  assert.deepEqual(await refused('begin read only', 'rollback and chain'), await pid())
  const another = 'rollback; begin; set local transaction_read_only = on'
  for (const text of [another, `select 1; ${another}`])
    assert.notDeepEqual(await refused('begin read only', text), await pid(), text)
})

test('a client that was given back is dead, and cannot be given back twice', async () => {
  const client = await pool.connect()
  client.release()
  await assert.rejects(client.query('insert into t values (1)'), { code: 'TransactionClosed' })
  assert.throws(() => client.release(), { code: 'TransactionClosed' })
})

test('a statement sent while COMMIT is on its way is refused, because it would run outside', async () => {
  const client = await pool.connect()
  await client.query('begin')
  const commit = client.query('commit')
  await assert.rejects(client.query('insert into t values (1)'), { code: 'TransactionClosed' })
  await commit
  await client.query('insert into t values (2)')
  client.release()
  assert.deepEqual(await saved(), [2])
})

test('a second BEGIN is refused, and COMMIT AND CHAIN begins the next', async () => {
  const client = await pool.connect()
  await client.query('begin')
  await assert.rejects(client.query('begin'), { code: 'NestedTransaction' })
  await client.query('insert into t values (1)')
  await client.query('commit and chain')
  await client.query('insert into t values (2)')
  await client.query('rollback')
  client.release()
  assert.deepEqual(await saved(), [1])
})

test('statements that are not awaited run in order', async () => {
  const client = await pool.connect()
  const all = [
    client.query('begin'),
    client.query('insert into t values (1)'),
    client.query('select count(*)::int as n from t'),
  ]
  const last = (await Promise.all(all)).at(-1)
  assert.deepEqual(last?.rows, [{ n: 1 }])
  await client.query('rollback')
  client.release()
})

test('what a client set on its connection is gone for the next, and what `connect` sets up stays', async () => {
  const one = createDatabase({ url, pool: { max: 1 } })
  const view = one.pgPool()
  let connects = 0
  view.on('connect', (client) => {
    connects++
    void client.query(`set search_path to 'everywhere'`)
  })
  const path = async (): Promise<unknown> => (await view.query('show search_path')).rows[0]?.search_path
  assert.equal(await path(), 'everywhere')
  assert.deepEqual([await path(), connects], ['everywhere', 1])
  const client = await view.connect()
  await client.query(`create temp table mine (id int)`)
  client.release()
  assert.deepEqual((await view.query(`select to_regclass('mine') as t`)).rows, [{ t: null }])
  assert.deepEqual([await path(), connects], ['everywhere', 2])
  await one.close()
})

test('a pool whose max is held by a transaction refuses to wait inside a transaction of ours', async () => {
  await db.transaction(() => assert.rejects(pool.query('select 1'), { code: 'RootHandleInTransaction' }))
})

test('end() waits for the client that is out, ends this view alone, and the database goes on', async () => {
  const view = db.pgPool()
  const client = await view.connect()
  let isEnded = false
  const ending = view.end().then(() => (isEnded = true))
  assert.deepEqual([(await client.query('select 1 as n')).rows, isEnded], [[{ n: 1 }], false])
  client.release()
  await ending
  await assert.rejects(view.query('select 1'), { code: 'DatabaseClosed' })
  assert.equal((await db.query('select 1')).rowCount, 1)
})

test('a listener that throws at a notice harms neither the statement nor the connection', async () => {
  const client = await pool.connect()
  client.once('notice', () => {
    throw new RangeError('mine')
  })
  await client.query(`do $$ begin raise notice 'look'; end $$`)
  assert.equal((await client.query('select 1 as one')).rows[0]?.one, 1)
  client.release()
})

test('notifications and notices reach the client', async () => {
  const client = await pool.connect()
  const heard = new Promise((resolve) =>
    client.once('notification', ({ channel, payload }) => resolve([channel, payload])),
  )
  await client.query('listen news')
  await activity.query(`select pg_notify('news', 'hello')`)
  assert.deepEqual(await heard, ['news', 'hello'])
  const warned = new Promise((resolve) => client.once('notice', ({ message }) => resolve(message)))
  await client.query(`do $$ begin raise notice 'look'; end $$`)
  assert.equal(await warned, 'look')
  client.release()
})

test('the longest time limit there is ends nothing early', async () => {
  await using patient = createDatabase({ url, pool: { max: 1 }, statementTimeoutMs: 2_147_483_647 })
  const warnings: string[] = []
  const note = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', note)
  assert.equal((await patient.pgPool().query('select pg_sleep(0.1)')).rowCount, 1)
  assert.equal((await patient.query('select pg_sleep(0.1)')).rowCount, 1)
  process.off('warning', note)
  assert.deepEqual(warnings, [])
})
