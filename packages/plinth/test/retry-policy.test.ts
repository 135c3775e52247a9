import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { RetryOptions, Transaction, TransactionOptions } from '../src/index.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key, n int not null)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 4, sharedLanes: 1 } })
const other = createDatabase({ url, pool: { max: 2, sharedLanes: 0 } })
after(() => activity.close())
after(() => db.close())
after(() => other.close())
beforeEach(() => activity.query('truncate t; insert into t values (1, 0)'))

const raise = (state: string): string => `do $$ begin raise exception 'as asked' using errcode = '${state}'; end $$`
const quick: RetryOptions = { attempts: 3, baseMs: 1 }

/** How often the callback ran until it failed with `text` for good. */
async function runsOf(text: string, options: TransactionOptions = {}): Promise<number> {
  let runs = 0
  await errorOf(db.transaction((tx) => (runs++, tx.query(text)), { retry: quick, ...options }))
  return runs
}

const expected: readonly (readonly [runs: number, ...states: string[]])[] = [
  [3, '40001', '40P01', '72000', '08006', '08003', '57P05', '25006'],
  [2, '53200'],
  [1, '40002', '40003', '53100', '53400', '53300', '57P04', '08P01', '28000', '3D000', '42501', '42601', '22012'],
  [1, '23505', '23P01', '23503', '54000', '58030', 'XX000', '25P03', '25P04', '55P03', '55006', '57014', 'P0001'],
]
for (const [runs, ...states] of expected)
  test(`a transaction that fails with ${states.join(', ')} runs ${runs} times in three attempts`, async () => {
    const seen = await Promise.all(states.map(async (state) => [state, await runsOf(raise(state))]))
    assert.deepEqual(
      seen,
      states.map((state) => [state, runs]),
    )
  })

test('a duplicate under a snapshot may be a conflict in disguise: it runs once more, then the error stands', async () => {
  for (const isolation of ['repeatable read', 'serializable'] as const) {
    assert.equal(await runsOf('insert into t values (1, 1)', { isolation }), 2)
    assert.equal(await runsOf(raise('23P01'), { isolation }), 2)
    assert.equal(await runsOf(raise('23514'), { isolation }), 1)
  }
})

test('what only the caller can judge runs again when it says so, and what cannot help does not', async () => {
  const asked: unknown[] = []
  const retry: RetryOptions = { ...quick, retryable: (error) => (asked.push(error), true) }
  for (const state of ['55P03', '55006', '57014']) assert.equal(await runsOf(raise(state), { retry }), 3)
  assert.equal(asked.length, 6)
  assert.ok(asked.every((error) => isPlinthError(error)))
  for (const state of ['22012', '23505', '40003']) assert.equal(await runsOf(raise(state), { retry }), 1)
  assert.equal(asked.length, 6)
  const mine = new Error('the version has changed')
  let runs = 0
  await assert.rejects(
    db.transaction(() => (runs++, Promise.reject(mine)), { retry }),
    mine,
  )
  assert.equal(runs, 3)
})

test('a backend that is killed in the middle of a transaction costs it a run, and nothing is written twice', async () => {
  let runs = 0
  await db.transaction(async (tx) => {
    runs++
    await tx.query('update t set n = n + 1')
    const pid = (await tx.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0
    if (runs === 1) await activity.kill(pid)
    await tx.query('select 1')
  })
  assert.equal(runs, 2)
  assert.deepEqual(await activity.query('select n from t'), [{ n: 1 }])
})

test('inside a transaction nothing runs again by itself: the transaction around it does', async () => {
  const runs = { outer: 0, inner: 0 }
  const inner = (tx: Transaction): Promise<unknown> => (runs.inner++, tx.query(raise('40001')))
  await errorOf(
    db.transaction(() => (runs.outer++, other.transaction(inner, { retry: { attempts: 5, baseMs: 1 } })), {
      retry: quick,
    }),
  )
  assert.deepEqual(runs, { outer: 3, inner: 3 })
})

test('a write on a server that takes none is told apart from a write inside read()', async () => {
  const settings = { default_transaction_read_only: 'on' }
  await assert.rejects(db.query('delete from t', [], { settings: { transaction_read_only: 'on' } }), {
    code: 'ReadOnlyServer',
    retryable: true,
    sqlstate: '25006',
  })
  await assert.rejects(
    db.read((tx) => tx.query('delete from t', [], { settings })),
    { code: 'WriteInReadTransaction', retryable: false },
  )
})

test('what is left of the deadline is the server time limit of statements and locks, where it is the shorter', async () => {
  const limits = async (timeoutMs: number): Promise<number[]> => {
    const text = `select name, setting::int as ms from pg_settings
      where name in ('statement_timeout', 'lock_timeout') order by name desc`
    const { rows } = await db.transaction((tx) => tx.query<{ ms: number }>(text), { timeoutMs })
    return rows.map(({ ms }) => ms)
  }
  const [statement = 0, lock = 0] = await limits(3500)
  // And 100 ms more, so that the error with the transaction's name comes first.
  assert.ok(statement > 0 && statement <= 3600)
  assert.equal(statement, lock)
  const [longer = 0, own] = await limits(20_000)
  assert.ok(longer > 5000 && longer <= 20_100)
  assert.equal(own, 5000)
  assert.deepEqual(await limits(60_000), [30_000, 5000])
})
