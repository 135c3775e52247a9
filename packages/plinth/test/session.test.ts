import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { readOptions } from '../src/database/options.ts'
import { until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 1 } })
after(() => activity.close())
after(() => db.close())

test('what a session left behind is gone for the next, on the same connection', async () => {
  const pids = new Set<unknown>()
  const heard: string[] = []
  {
    await using session = await db.session()
    pids.add((await session.query('select pg_backend_pid() as pid')).rows[0]?.['pid'])
    await session.query('create temp table mine as select 1 as n')
    assert.deepEqual((await session.query('select n from mine')).rows, [{ n: 1 }])
    await session.query('set search_path to nowhere')
    await session.query('select pg_advisory_lock(7)')
    await session.listen('news', (payload) => void heard.push(payload))
  }
  // pg_locks tells of every database of the server.
  const locks = `select 1 from pg_locks join pg_database on pg_database.oid = database
    where locktype = 'advisory' and datname = current_database()`
  assert.deepEqual(await activity.query(locks), [])
  await using next = await db.session()
  pids.add((await next.query('select pg_backend_pid() as pid')).rows[0]?.['pid'])
  assert.equal(pids.size, 1)
  assert.deepEqual((await next.query('show search_path')).rows, [{ search_path: '"$user", public' }])
  assert.deepEqual((await next.query(`select to_regclass('mine') as t`)).rows, [{ t: null }])
  assert.deepEqual((await next.query('select count(*)::int as n from pg_listening_channels()')).rows, [{ n: 0 }])
  const own: string[] = []
  await next.listen('news', (payload) => void own.push(payload))
  await next.query(`notify news, 'hello'`)
  await until(async () => own.length > 0)
  assert.deepEqual([heard, own], [[], ['hello']])
})

test('two listeners of one channel are independent, and a failing one harms nobody', async () => {
  await using session = await db.session()
  const heard: string[] = []
  const first = await session.listen('a "b', () => void heard.push('first'))
  await session.listen('a "b', () => {
    throw new Error('mine')
  })
  await session.listen('a "b', (payload) => void heard.push(payload))
  await first[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
  await activity.query(`notify "a ""b", 'x'`)
  await until(async () => heard.length > 0)
  assert.deepEqual(heard, ['x'])
})

test('a session that only listens hears that its connection broke, once, and at once when it has', async () => {
  await using session = await db.session()
  const { pid } = await session.one<{ pid: number }>('select pg_backend_pid() as pid')
  const heard: string[] = []
  const stop = session.onLost(() => void heard.push('stopped'))
  stop()
  session.onLost(() => void heard.push('first'))
  await activity.query(`select pg_terminate_backend(${pid})`)
  await until(async () => heard.length > 0)
  session.onLost(() => void heard.push('second'))
  assert.deepEqual(heard, ['first', 'second'])
})

test('a script left inside a transaction is rolled back and the session goes on', async () => {
  await using session = await db.session()
  await session.script(`begin; insert into t values (1)`)
  assert.deepEqual((await session.query('select count(*)::int as n from t')).rows, [{ n: 0 }])
  await assert.rejects(session.script(`begin; insert into t values (1); select 1 / 0; commit`), {
    code: 'InvalidValue',
  })
  await session.script(`insert into t values (1); select 1; begin; insert into t values (2); commit`)
  assert.deepEqual((await session.query('select count(*)::int as n from t')).rows, [{ n: 2 }])
  await assert.rejects(session.script('copy t from stdin; select 1'), { sqlstate: '57014' })
  assert.equal((await session.query('select 1')).rowCount, 1)
})

test('a script may run longer than one statement may', async () => {
  // Together 4.8 s: past the limit of one statement and the 3 s of silence allowed beyond it.
  await using quick = createDatabase({ url, pool: { max: 1 }, statementTimeoutMs: 1500 })
  await using session = await quick.session()
  await session.script('select pg_sleep(0.3);'.repeat(16))
})

test('transactions of one session take turns, and its other statements stay outside', async () => {
  await using session = await db.session()
  await session.query('truncate t')
  const order: string[] = []
  const failing = session.transaction(async (tx) => {
    await tx.query('insert into t values (1)')
    await assert.rejects(session.query('select 1'), { code: 'RootHandleInTransaction' })
    await assert.rejects(
      session.transaction(async () => 1),
      { code: 'NestedTransaction' },
    )
    order.push('first')
    throw new Error('mine')
  })
  const second = session.transaction(async (tx) => {
    await tx.query('insert into t values (2)')
    order.push('second')
  })
  const outside = session.query('insert into t values (3)')
  await assert.rejects(failing, { message: 'mine' })
  await Promise.all([second, outside])
  assert.deepEqual(order, ['first', 'second'])
  assert.deepEqual((await session.query('select id from t order by id')).rows, [{ id: 2 }, { id: 3 }])
})

test('a session is refused after its end, and BEGIN is never its statement', async () => {
  const session = await db.session()
  await assert.rejects(session.query('begin'), { code: 'SessionStatement' })
  await session[Symbol.asyncDispose]()
  await session[Symbol.asyncDispose]()
  await assert.rejects(session.query('select 1'), { code: 'DatabaseClosed' })
  await assert.rejects(session.script('select 1'), { code: 'DatabaseClosed' })
  await assert.rejects(
    session.transaction(async () => 1),
    { code: 'DatabaseClosed' },
  )
  await assert.rejects(
    session.listen('a', () => undefined),
    { code: 'DatabaseClosed' },
  )
})

test('a session left with a statement still running does not hand it to the next', async () => {
  const session = await db.session()
  await activity.query('select pg_advisory_lock(9)')
  const running = session.query('select pg_advisory_xact_lock_shared(9), 1 as n')
  const disposed = session[Symbol.asyncDispose]()
  await activity.backend('select pg_advisory_xact_lock_shared')
  await activity.query('select pg_advisory_unlock(9)')
  await disposed
  assert.equal((await running).rows[0]?.['n'], 1)
  assert.deepEqual((await db.query('select 2 as n')).rows, [{ n: 2 }])
})

test('what a connection tells later is no part of the code that opened it', async () => {
  const context = new AsyncLocalStorage<string>()
  const connection = await context.run('a transaction', () => readOptions({ url }).open())
  const heard = new Promise<string | undefined>((resolve) => {
    connection.onNotification(() => resolve(context.getStore()))
  })
  await connection.run([{ text: 'listen opened', values: [] }], 5000)
  await activity.query('notify opened')
  assert.equal(await heard, undefined)
  await connection.close()
})

test('a session may have time limits of its own, and leaves none behind', async () => {
  await using strict = createDatabase({ url, pool: { max: 1 }, statementTimeoutMs: 300 })
  const shown = `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock`
  {
    await using session = await strict.session({ statementTimeoutMs: 9000, lockTimeoutMs: 700 })
    await session.query('select pg_sleep(0.5)')
    await session.transaction((tx) => tx.query('select pg_sleep(0.5)'))
    assert.deepEqual(await session.one(shown), { statement: '9s', lock: '700ms' })
  }
  assert.deepEqual(await strict.one(shown), { statement: '300ms', lock: '5s' })
  await assert.rejects(strict.session({ lockTimeoutMs: 0.5 }), { code: 'InvalidOption' })
})

test('a transaction of a session that lost its connection is not run again on it', async () => {
  await using session = await db.session()
  let runs = 0
  const work = session.transaction(
    async (tx) => {
      runs++
      const { pid } = await tx.one<{ pid: number }>('select pg_backend_pid() as pid')
      await activity.kill(pid)
      await tx.query('select 1')
    },
    { retry: { baseMs: 60_000, capMs: 60_000 }, timeoutMs: 600_000 },
  )
  await assert.rejects(work, { code: 'ConnectionLost', outcome: 'not applied' })
  assert.equal(runs, 1)
})

test('a session beside the pool leaves the whole pool to the others', async () => {
  await using beside = await db.session({ isBesidePool: true })
  await using own = await db.session()
  const pid = 'select pg_backend_pid() as pid'
  assert.notDeepEqual((await beside.query(pid)).rows, (await own.query(pid)).rows)
})
