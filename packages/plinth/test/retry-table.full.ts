import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { IsolationLevel, RetryOptions, Transaction } from '../src/index.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({
  script: `create table t (state text);
    create function refuse() returns trigger language plpgsql as $$
      begin raise exception 'as asked' using errcode = new.state; end $$;
    create constraint trigger refuse after insert on t deferrable initially deferred
      for each row execute function refuse()`,
})
const activity = await watchActivity(url)
after(() => activity.close())

const attempts = 3

/** What PostgreSQL says in a statement, and what it says at COMMIT; both are real, and both prove a rollback. */
const places: readonly (readonly [where: string, (tx: Transaction, state: string) => Promise<unknown>])[] = [
  [
    'in a statement',
    (tx, state) => tx.query(`do $$ begin raise exception 'as asked' using errcode = '${state}'; end $$`),
  ],
  ['at COMMIT', (tx, state) => tx.query('insert into t values ($1)', [state])],
]

/** How often the callback runs, with three attempts allowed, until `state` is an error for good. */
async function runsOf(
  state: string,
  provoke: (tx: Transaction, state: string) => Promise<unknown>,
  options: { readonly isolation?: IsolationLevel; readonly retry?: RetryOptions } = {},
): Promise<number> {
  // A handle of its own: others' retries would use up the budget.
  await using db = createDatabase({ url, pool: { max: 1, sharedLanes: 0 } })
  let runs = 0
  const retry = { attempts, baseMs: 1, ...options.retry }
  await errorOf(db.transaction((tx) => (runs++, provoke(tx, state)), { ...options, retry }))
  return runs
}

interface Row {
  readonly what: string
  readonly states: readonly string[]
  /** Runs by itself, and when `retryable` answers true to everything. */
  readonly runs: number
  readonly asked: number
  /** Where it is another: see 40003. */
  readonly atCommit?: number
}

/** The table of docs/guides/transactions.md, row by row. */
const table: readonly Row[] = [
  { what: 'conflicts', states: ['40001', '40P01', '72000'], runs: 3, asked: 3 },
  { what: 'the same data failing again', states: ['40002'], runs: 1, asked: 1 },
  // At COMMIT the server is asked, says that it rolled back, and then it is safe.
  { what: 'a completion that is not known', states: ['40003'], runs: 1, asked: 1, atCommit: 3 },
  {
    what: 'broken connections, before the answer to COMMIT',
    states: ['08000', '08001', '08003', '08004', '08006', '08007', '57P01', '57P02', '57P05'],
    runs: 3,
    asked: 3,
  },
  { what: 'what the connecting layer tries again', states: ['53300', '57P03'], runs: 1, asked: 1 },
  { what: 'a server that takes no writes', states: ['25006'], runs: 3, asked: 3 },
  { what: 'outdated prepared statements', states: ['26000', '42P05'], runs: 3, asked: 3 },
  { what: 'memory that is short', states: ['53200'], runs: 2, asked: 2 },
  { what: 'a disk or a limit that is full', states: ['53100', '53400'], runs: 1, asked: 1 },
  { what: 'what only the caller can judge', states: ['55P03', '55006', '57014', 'P0001'], runs: 1, asked: 3 },
  { what: 'our own limits', states: ['25P03', '25P04'], runs: 1, asked: 1 },
  {
    what: 'the statement, the data, the login or the server at fault',
    states: [
      ...['57P04', '08P01', '28000', '28P01', '3D000', '42501', '42601', '42P01', '22001', '22012', '22P02'],
      ...['23502', '23503', '23505', '23514', '23P01', '54000', '58000', '58030', 'XX000', 'XX001', 'XX002'],
    ],
    runs: 1,
    asked: 1,
  },
]

for (const [where, provoke] of places)
  describe(`an error that comes ${where}`, () => {
    for (const { what, states, runs, asked, atCommit } of table)
      test(`${what}: ${states.join(', ')}`, async () => {
        const [alone, told] = where === 'at COMMIT' && atCommit ? [atCommit, atCommit] : [runs, asked]
        for (const state of states) {
          assert.deepEqual([state, await runsOf(state, provoke)], [state, alone])
          const retry = { retryable: () => true }
          assert.deepEqual([state, 'asked', await runsOf(state, provoke, { retry })], [state, 'asked', told])
        }
        assert.deepEqual(await activity.query('select from t'), [])
      })

    test('a duplicate under a snapshot runs once more: 23505, 23P01', async () => {
      for (const isolation of ['repeatable read', 'serializable'] as const)
        for (const state of ['23505', '23P01'])
          assert.deepEqual([isolation, state, await runsOf(state, provoke, { isolation })], [isolation, state, 2])
    })
  })
