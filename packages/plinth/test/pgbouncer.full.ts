import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { createDatabase } from '../src/database/database.ts'
import type { Database, DatabaseOptions, Transaction } from '../src/database/queryable.ts'
import { isPlinthError } from '../src/errors.ts'
import { table } from '../src/operation/table.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startPgBouncer, withoutPgBouncer } from './support/pgbouncer.ts'

const skip = withoutPgBouncer
const { url, name } = await testDatabase({
  script: 'create table t (id int primary key, n int not null, at timestamptz)',
})
const activity = await watchActivity(url)
// What a session gets by itself: ours must replace it in each transaction.
await activity.query(`alter database ${name} set DateStyle = 'SQL, DMY'`)
const pooler = skip ? undefined : await startPgBouncer(url, { default_pool_size: '2' })
const opened: Database[] = []
after(() => activity.close())
after(() => pooler?.[Symbol.asyncDispose]())
after(() => Promise.all(opened.map((db) => db.close())))
beforeEach(() => activity.query('truncate t'))

function open(options: Partial<DatabaseOptions> = {}): Database {
  const pool = { max: 20, acquireTimeoutMs: 20_000 }
  const db = createDatabase({ url: pooler?.url ?? url, pooler: 'transaction', service: 'pooled', pool, ...options })
  opened.push(db)
  return db
}

const t = table<{ id: number; n: number; at: Date | null }>('t')
const db = open()

test('20 transactions at once share two connections of the server', { skip }, async () => {
  let most = 0
  const work = Array.from({ length: 20 }, (_, id) =>
    db.transaction(async (tx) => {
      await tx.run(t.insert({ id, n: 0 }))
      most = Math.max(most, await activity.count('pooled'))
      const add = (inner: Transaction): Promise<unknown> => inner.query('update t set n = n + 1 where id = $1', [id])
      await tx.savepoint(add)
      const fails = tx.savepoint((inner) => add(inner).then(() => inner.query('select 1 / 0')))
      await assert.rejects(fails, { code: 'InvalidValue' })
      return (await tx.one<{ n: number }>('select n from t where id = $1', [id])).n
    }),
  )
  assert.deepEqual(
    await Promise.all(work),
    work.map(() => 1),
  )
  assert.ok(most > 0 && most <= 2, `${most} connections of the server`)
})

test('a thousand single statements, pipelined, each get their own answer in our formats', { skip }, async () => {
  const at = new Date('2026-02-03T04:05:06.789Z')
  await db.run(t.insertMany(Array.from({ length: 100 }, (_, id) => ({ id, n: id, at }))))
  const answers = await Promise.allSettled(
    Array.from({ length: 1000 }, (_, i) =>
      i % 10 === 3 ? db.query('select 1 / ($1 - $1::int)', [i]) : db.run(t.get(i % 100)),
    ),
  )
  answers.forEach((answer, i) => {
    if (i % 10 === 3) assert.equal(answer.status === 'rejected' && answer.reason.code, 'InvalidValue')
    else assert.deepEqual(answer.status === 'fulfilled' && answer.value, { id: i % 100, n: i % 100, at })
  })
})

test('a transaction that loses a conflict is run again', { skip }, async () => {
  await db.run(t.insert({ id: 1, n: 0 }))
  const isolation = 'serializable'
  const add = (): Promise<void> =>
    db.transaction(
      async (tx) => {
        const { n } = await tx.one<{ n: number }>('select n from t where id = 1')
        await tx.query('update t set n = $1 where id = 1', [n + 1])
      },
      { isolation, retry: { attempts: 20 } },
    )
  await Promise.all(Array.from({ length: 8 }, add))
  assert.equal((await db.run(t.get(1)))?.n, 8)
})

test('the limits of time hold, for transactions, single statements and what pgPool() sends', { skip }, async () => {
  const limited = open({ statementTimeoutMs: 300, lockTimeoutMs: 100, idleInTransactionTimeoutMs: 500 })
  const slow = 'select pg_sleep(60)'
  await assert.rejects(limited.query(slow), { code: 'StatementTimeout' })
  await assert.rejects(
    limited.transaction((tx) => tx.query(slow)),
    { code: 'StatementTimeout' },
  )
  await assert.rejects(limited.query(slow, [], { timeoutMs: 50 }), { code: 'StatementTimeout' })
  await assert.rejects(
    db.transaction((tx) => tx.query(slow), { timeoutMs: 200 }),
    { code: 'TransactionTimeout' },
  )
  await db.run(t.insert({ id: 1, n: 0 }))
  await db.transaction(async (tx) => {
    await tx.query('update t set n = 1')
    await assert.rejects(
      limited.transaction((other) => other.query('update t set n = 2')),
      { code: 'LockTimeout' },
    )
  })
  const idle = limited.transaction(
    async (tx) => {
      await tx.query('select 1')
      await new Promise((resolve) => setTimeout(resolve, 1500))
      await tx.query('select 2')
    },
    { retry: { attempts: 1 } },
  )
  await assert.rejects(idle, { code: 'TransactionTimeout' })
  await assert.rejects(limited.pgPool().query(slow), { code: '57014' })
  const client = await limited.pgPool().connect()
  await client.query('begin')
  await assert.rejects(client.query(slow), { code: '57014' })
  await client.query('rollback')
  client.release()
})

test('a cancel reaches its own statement, also while every connection of the server is taken', { skip }, async () => {
  const controller = new AbortController()
  const { signal } = controller
  const running = [1, 2].map((n) => errorOf(db.query(`select pg_sleep(60), ${n}`, [], { signal })))
  await Promise.all([1, 2].map((n) => activity.backend(`select pg_sleep(60), ${n}`)))
  controller.abort()
  for (const error of await Promise.all(running)) assert.equal(error.code, 'Cancelled')
  for (let i = 0; i < 60; i++) {
    const late = new AbortController()
    const racing = db.query('select 1', [], { signal: late.signal }).catch((error: unknown) => error)
    if (i % 3) await new Promise((resolve) => setImmediate(resolve))
    late.abort()
    await db.transaction((tx) => tx.query('select pg_sleep(0.003)'))
    await racing
  }
})

test('who waits for a connection of the server for longer than a ping is not taken for dead', { skip }, async () => {
  const free = Promise.withResolvers<void>()
  const held = [1, 2].map(() => db.transaction((tx) => tx.query('select 1').then(() => free.promise)))
  const attempt = db.transaction(async (tx) => {
    await tx.query('select 1')
    return tx.attempt
  })
  setTimeout(free.resolve, 3000)
  assert.equal(await attempt, 1)
  await Promise.all(held)
})

test('a library on pgPool() works, and its transactions cannot lie', { skip }, async () => {
  const kysely = new Kysely<{ t: { id: number; n: number } }>({ dialect: new PostgresDialect({ pool: db.pgPool() }) })
  await kysely.transaction().execute(async (tx) => {
    await tx.insertInto('t').values({ id: 1, n: 1 }).execute()
    await tx.updateTable('t').set({ n: 2 }).execute()
  })
  assert.deepEqual(await kysely.selectFrom('t').select('n').execute(), [{ n: 2 }])
  const swallowed = kysely.transaction().execute(async (tx) => {
    await tx.insertInto('t').values({ id: 2, n: 1 }).execute()
    await sql`select 1 / 0`.execute(tx).catch(() => undefined)
  })
  await assert.rejects(swallowed, { code: 'TransactionAborted' })
  const pool = db.pgPool()
  // A name of the caller's own: on another connection of the server it would not be there.
  const named = Array.from({ length: 20 }, (_, i) =>
    pool.query({ name: 'n', text: 'select $1::int as i, pg_sleep(0.01)', values: [i] }),
  )
  assert.deepEqual(
    (await Promise.all(named)).map(({ rows }) => rows[0].i),
    named.map((_, i) => i),
  )
})

test('what would leave its effect on a connection of the server is refused, the rest is not', { skip }, async () => {
  const refused = { code: 'SessionStatement' }
  await assert.rejects(db.session(), refused)
  const pool = db.pgPool()
  const leaving = [
    'set work_mem = 65',
    'reset all',
    'listen c',
    'prepare p as select 1',
    'deallocate all',
    'discard all',
  ]
  for (const text of [...leaving, 'create temp table x (id int)', 'declare c cursor with hold for select 1']) {
    await assert.rejects(
      db.transaction((tx) => tx.query(text)),
      refused,
      text,
    )
    await assert.rejects(
      db.transaction((tx) => tx.pg.query(text)),
      refused,
      text,
    )
    await assert.rejects(pool.query(text), refused, text)
  }
  await db.transaction(async (tx) => {
    await tx.query('set local work_mem = 65')
    await tx.query('create temp table x on commit drop as select 7 as id')
    await tx.query('declare c cursor for select id from x')
    assert.deepEqual((await tx.query('fetch c')).rows, [{ id: 7 }])
    await tx.query('close c')
  })
  const rows: unknown[] = []
  for await (const row of db.stream('select n from generate_series(1, 5) as n', [], { batchRows: 2 })) rows.push(row)
  assert.equal(rows.length, 5)
})

test('nothing is left on the connections of the server', { skip }, async () => {
  const left = `select current_setting('statement_timeout') as limit, current_setting('DateStyle') as style,
    (select count(*)::int from pg_prepared_statements) as prepared, pg_sleep(0.2)`
  const seen = await Promise.all([asOther(left), asOther(left)])
  for (const [row] of seen)
    assert.deepEqual({ ...row, pg_sleep: 0 }, { limit: '0', style: 'SQL, DMY', prepared: 0, pg_sleep: 0 })
  assert.ok((await activity.count('pooled')) <= 2)
  assert.equal((await db.health()).status, 'up')
})

test('a login that the pooler refuses, or lets in with our settings dropped, says which option is missing', {
  skip,
}, async () => {
  const dropping = { default_pool_size: '2', ignore_startup_parameters: 'options' }
  await using blind = await startPgBouncer(url, dropping)
  await using refused = createDatabase({ url: pooler?.url ?? url })
  await using hidden = createDatabase({ url: blind.url })
  const errors = await Promise.all([refused, hidden].map((db) => errorOf(db.connect({ deadlineMs: 5000 }))))
  assert.match(String(errors[0]?.message), /refused the login: unsupported startup parameter: options/)
  assert.match(String(errors[1]?.message), /A pooler stands before PostgreSQL/)
  for (const error of errors) assert.match(isPlinthError(error) ? String(error.hint) : '', /pooler: 'transaction'/)
})
/** Statements of a client that knows nothing of poolers. */
async function asOther(text: string): Promise<Record<string, unknown>[]> {
  const client = await watchActivity(pooler?.url ?? url)
  try {
    return await client.query(text)
  } finally {
    await client.close()
  }
}
