import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError, type Transaction } from '../src/index.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

// What one connection carries for several callers at once must not get into each other's transactions.

const { url } = await testDatabase({
  script: `create table t (id int primary key); create sequence s;
    create procedure saves_and_fails(state text) language plpgsql as $$ begin
      insert into t values (nextval('s')); commit; raise exception using errcode = state; end $$`,
})
const activity = await watchActivity(url)
const proxy = await startProxy(url)
const one = createDatabase({ url: proxy.url, pool: { max: 1 } })
after(() => activity.close())
after(() => proxy[Symbol.asyncDispose]())
after(() => one.close())
beforeEach(() => activity.query('truncate t'))

const saved = async (): Promise<unknown[]> => (await activity.query('select id from t order by id')).map(({ id }) => id)
const insert = (tx: Pick<Transaction, 'query'>, id: number): Promise<unknown> =>
  tx.query('insert into t values ($1)', [id])
const mine = new RangeError('mine')
const settled = async (...all: Promise<unknown>[]): Promise<string[]> =>
  (await Promise.allSettled(all)).map(({ status }) => status)

for (const options of [{ timeoutMs: 0 }, { timeoutMs: -5 }, { signal: AbortSignal.abort() }])
  test(`a first statement refused for ${JSON.stringify(options)} takes no BEGIN with it`, async () => {
    const rolledBack = one.transaction(async (tx) => {
      await assert.rejects(tx.query('select 1', [], options))
      await insert(tx, 1)
      throw mine
    })
    await assert.rejects(rolledBack, mine)
    assert.deepEqual(await saved(), [])
    await one.transaction(async (tx) => {
      await assert.rejects(tx.query('select 1', [], options))
      await tx
        .savepoint(async (sp) => {
          await assert.rejects(sp.query('select 1', [], options))
          await insert(sp, 2)
          throw mine
        })
        .catch(() => undefined)
      await insert(tx, 3)
    })
    assert.deepEqual(await saved(), [3])
  })

test('a session that is left during its transaction ends behind it, and nobody else gets its connection before', async () => {
  const session = await one.session()
  const transaction = session.transaction(async (tx) => {
    await sleep(100)
    await insert(tx, 1)
  })
  await sleep(20)
  const left = Promise.resolve(session[Symbol.asyncDispose]())
  const other = one.transaction(async (tx) => {
    await insert(tx, 2)
    throw mine
  })
  assert.deepEqual(await settled(transaction, left, other), ['fulfilled', 'fulfilled', 'rejected'])
  assert.deepEqual(await saved(), [1])
})

test('a script runs alone: it rolls back nothing of a transaction or a statement beside it', async () => {
  await using session = await one.session()
  const all = [
    session.script('select 1'),
    session.transaction((tx) => insert(tx, 1)),
    session.script('begin; insert into t values (2); select pg_sleep(0.05)'),
    insert(session, 3),
  ]
  assert.deepEqual(await settled(...all), ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'])
  assert.deepEqual(await saved(), [1, 3])
})

test('a statement of a session that waits for another is not taken into a transaction begun after it', async () => {
  await using session = await one.session()
  const { signal } = new AbortController()
  const all = [
    session.query('select pg_sleep(0.1)', [], { signal }),
    insert(session, 1),
    session.transaction(async (tx) => {
      await insert(tx, 2)
      throw mine
    }),
  ]
  assert.deepEqual(await settled(...all), ['fulfilled', 'fulfilled', 'rejected'])
  assert.deepEqual(await saved(), [1])
})

test('a statement with a time limit of its own ends nothing but itself', async () => {
  await one.transaction(async (tx) => {
    const slow = tx.query('select pg_sleep(1.2)')
    await tx.query('select 1', [], { timeoutMs: 1000 })
    await slow
    await insert(tx, 1)
  })
  assert.deepEqual(await saved(), [1])
})

test('a query of tx.pg that waits for the connection stays outside a savepoint begun after it', async () => {
  await one.transaction(async (tx) => {
    const slow = tx.query('select pg_sleep(0.1)')
    const outside = tx.pg.query('insert into t values (1)')
    await sleep(5)
    const savepoint = tx.savepoint(async (sp) => {
      await insert(sp, 2)
      throw mine
    })
    assert.deepEqual(await settled(slow, outside, savepoint), ['fulfilled', 'fulfilled', 'rejected'])
  })
  assert.deepEqual(await saved(), [1])
})

test('the cancel of a query of tx.pg does not reach whoever has the connection next', async () => {
  const first = one.transaction((tx) => tx.pg.query('select pg_sleep(10)'), { timeoutMs: 150 })
  const next = one.transaction(async (tx) => {
    await insert(tx, 1)
    await tx.query('select pg_sleep(1.3)')
  })
  assert.deepEqual(await settled(first, next), ['rejected', 'fulfilled'])
  assert.deepEqual(await saved(), [1])
})

test('a procedure that committed before it failed is not run again, and its outcome is unknown', async () => {
  const error = await errorOf(one.query(`call saves_and_fails('40001')`))
  assert.ok(isPlinthError(error, 'SerializationFailure'))
  assert.deepEqual([error.outcome, error.retryable, (await saved()).length], ['unknown', false, 1])
  await using session = await one.session()
  const inSession = await errorOf(session.query(`call saves_and_fails('P0001')`))
  assert.ok(isPlinthError(inSession) && inSession.outcome === 'unknown')
  const noSuch = await errorOf(session.query('call no_such_procedure()'))
  assert.ok(isPlinthError(noSuch) && noSuch.outcome === 'not applied')
})

test('an error about another connection, as of dblink, is no lost one', async () => {
  const raised = await errorOf(one.query(`do $$ begin raise sqlstate '08006'; end $$`))
  assert.ok(isPlinthError(raised, 'StatementFailed'))
  assert.equal(raised.sqlstate, '08006')
})

test('a row too many in a transaction that then fails is not applied', async () => {
  const error = await errorOf(one.transaction((tx) => tx.one('insert into t values (1), (2) returning id')))
  assert.ok(isPlinthError(error, 'TooManyRows'))
  assert.deepEqual([error.outcome, await saved()], ['not applied', []])
})

test('set stands before the snapshot: the level can be chosen behind it', async () => {
  const level = await one.transaction(async (tx) => {
    await tx.query(`set local statement_timeout = '5s'`)
    await tx.query('set transaction isolation level serializable')
    return (await tx.one<{ level: string }>(`select current_setting('transaction_isolation') as level`)).level
  })
  assert.equal(level, 'serializable')
})

test('a dropped savepoint that fails is not silent: Node ends the process, as for any rejection nobody waits for', async () => {
  const program = `
    import { createDatabase } from ${JSON.stringify(new URL('../src/database/database.ts', import.meta.url).href)}
    const db = createDatabase({ url: process.env.DB, pool: { max: 1 } })
    await db.transaction(async (tx) => {
      void tx.savepoint(async () => { throw new RangeError('mine') })
      await new Promise((resolve) => setTimeout(resolve, 50))
    })
    await db.close()`
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, DB: url },
  })
  await assert.rejects(run, /RangeError: mine/)
})

test('a callback that returns no promise, or one that never calls back, ends like any other', async () => {
  const plain: unknown = (tx: Transaction) => void tx.signal
  const never: unknown = () => new Proxy({}, { get: (_, key) => (key === 'then' ? () => undefined : undefined) })
  type Work = (tx: Transaction) => Promise<unknown>
  assert.equal(await one.transaction(plain as Work), undefined)
  await assert.rejects(one.transaction(never as Work, { timeoutMs: 100 }), { code: 'TransactionTimeout' })
  assert.equal((await one.query('select 1')).rowCount, 1)
})

test('no hook runs where the outcome of COMMIT is unknown', async () => {
  const ran: string[] = []
  const lost = createDatabase({ url, pool: { max: 1 }, faults: { commitUnknown: 1 } })
  const error = await errorOf(
    lost.transaction(async (tx) => {
      tx.afterCommit(() => void ran.push('committed'))
      tx.afterRollback(() => void ran.push('rolled back'))
      await insert(tx, 1)
    }),
  )
  await lost.close()
  assert.ok(isPlinthError(error, 'CommitUnknown'))
  assert.deepEqual(ran, [])
})

test('statements that nobody awaits are refused beyond 10,000, and those sent before are kept', async () => {
  // To send so many takes a busy machine longer than a transaction may idle.
  await using patient = createDatabase({ url, pool: { max: 1 }, idleInTransactionTimeoutMs: 60_000 })
  const sent: Promise<unknown>[] = []
  await patient.transaction(
    async (tx) => {
      await tx.query('select 1')
      for (let n = 0; n < 10_000; n++) sent.push(tx.query('select 1'))
      await assert.rejects(tx.query('select 1'), { code: 'InvalidOperation', message: /10000 statements/ })
      await Promise.all(sent)
      await insert(tx, 1)
    },
    { timeoutMs: 120_000 },
  )
  assert.deepEqual(await saved(), [1])
})
