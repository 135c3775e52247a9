import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError, PlinthError } from '../src/errors.ts'
import type { Transaction } from '../src/index.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key, n int not null)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 4, sharedLanes: 1 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('truncate t; insert into t values (1, 0), (2, 0)'))

const increment = async (tx: Transaction): Promise<void> => {
  const { rows } = await tx.query<{ n: number }>('select n from t where id = 1')
  await tx.query('update t set n = $1 where id = 1', [(rows[0]?.n ?? 0) + 1])
}

test('transactions that conflict are run again until each has won, with hooks of the last run alone', async () => {
  const hooks: number[] = []
  const attempts: number[] = []
  const both = Promise.withResolvers<void>()
  let started = 0
  const work = async (tx: Transaction): Promise<void> => {
    tx.afterCommit(() => void hooks.push(tx.attempt))
    attempts.push(tx.attempt)
    await tx.query('select 1')
    if (++started === 2) both.resolve()
    await both.promise
    await increment(tx)
  }
  await Promise.all([1, 2].map(() => db.transaction(work, { isolation: 'serializable', retry: { attempts: 20 } })))
  assert.deepEqual((await activity.query('select n from t where id = 1'))[0], { n: 2 })
  assert.ok(attempts.length > 2)
  assert.equal(hooks.length, 2)
})

test('a deadlock is run again', async () => {
  const both = Promise.withResolvers<void>()
  let holding = 0
  let runs = 0
  const swap = (first: number, second: number): Promise<void> =>
    db.transaction(async (tx) => {
      runs++
      await tx.query('update t set n = n + 1 where id = $1', [first])
      if (++holding === 2) both.resolve()
      await both.promise
      await tx.query('update t set n = n + 1 where id = $1', [second])
    })
  await Promise.all([swap(1, 2), swap(2, 1)])
  assert.ok(runs > 2)
  assert.deepEqual(await activity.query('select n from t order by id'), [{ n: 2 }, { n: 2 }])
})

const conflict = `do $$ begin raise exception 'again' using errcode = '40001'; end $$`

test('the attempts are limited, and the error says how many there were', async () => {
  for (const [retry, expected] of [
    [{}, 5],
    [{ attempts: 2 }, 2],
    [{ attempts: 1 }, 1],
  ] as const) {
    let runs = 0
    const error = await errorOf(db.transaction((tx) => (runs++, tx.query(conflict)), { retry }))
    assert.ok(isPlinthError(error, 'SerializationFailure'))
    assert.deepEqual([runs, error.attempts, error.retryable], [expected, expected, true])
  }
})

test('a conflict at COMMIT, swallowed, or in an error of somebody else is run again', async () => {
  const swallow = async (tx: Transaction): Promise<void> => {
    if (tx.attempt === 1) await tx.query(conflict).catch(() => undefined)
  }
  const rethrow = async (tx: Transaction): Promise<void> => {
    if (tx.attempt > 1) return
    await tx.query(conflict).catch((cause: unknown) => {
      throw new Error('the mapper says', { cause })
    })
  }
  await db.transaction(swallow)
  await db.transaction(rethrow)
})

test('no other error is run again', async () => {
  let runs = 0
  const thrown = [new Error('mine'), new PlinthError('Cancelled', 'x')]
  for (const error of thrown) {
    const seen = await errorOf(
      db.transaction(async () => {
        runs++
        throw error
      }),
    )
    assert.equal(seen, error)
  }
  await assert.rejects(
    db.transaction((tx) => (runs++, tx.query('select 1 / 0'))),
    { code: 'InvalidValue' },
  )
  assert.equal(runs, 3)
})

test('no attempt begins after the deadline', async () => {
  const begun = performance.now()
  let last = 0
  await assert.rejects(
    db.transaction((tx) => ((last = performance.now()), tx.query(conflict)), {
      timeoutMs: 150,
      retry: { attempts: 1e6 },
    }),
  )
  assert.ok(last - begun <= 1000, `the last attempt began after ${last - begun} ms`)
})

test('the first writer of a getOrCreate race on a single statement is run again too', async () => {
  await activity.query(`create sequence if not exists tries`)
  await activity.query(`create or replace function flaky() returns int language plpgsql as $$ begin
    if nextval('tries') < 3 then raise exception 'again' using errcode = '40001'; end if; return 7; end $$`)
  assert.deepEqual((await db.query('select flaky() as n')).rows, [{ n: 7 }])
})

test('a prepared statement survives a change of its table, alone and in a transaction', async () => {
  for (const column of ['a', 'b']) {
    await db.query('select * from t where id = 1')
    await db.transaction((tx) => tx.query('select * from t where id = 2'))
    await activity.query(`alter table t add ${column} int`)
    const alone = await db.query('select * from t where id = 1')
    const inside = await db.transaction((tx) => tx.query('select * from t where id = 2'))
    assert.ok(column in (alone.rows[0] ?? {}))
    assert.ok(column in (inside.rows[0] ?? {}))
  }
})
