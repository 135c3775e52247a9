import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Transaction } from '../src/index.ts'
import type { Observation } from '../src/observe/observation.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { type LossOptions, startProxy } from './support/proxy.ts'

const { url } = await testDatabase({
  script: `create table t (id int primary key);
    create function fill(id int) returns void language sql as $$ insert into t values (id) $$`,
})
const activity = await watchActivity(url)
const proxy = await startProxy(url)
// Past every wait of these tests, so that the server does not end a forgotten backend by itself.
const idleInTransactionTimeoutMs = 60_000
const db = createDatabase({ url: proxy.url, pool: { max: 2, sharedLanes: 0 }, idleInTransactionTimeoutMs })
after(() => activity.close())
after(() => proxy[Symbol.asyncDispose]())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

const seen: Observation[] = []
const note = (observation: Observation): number => seen.push(observation)
after(onObservations({ 'commit.resolved': note, 'commit.unknown': note }))
beforeEach(() => void (seen.length = 0))
const fates = (): unknown[] => [...seen]

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)
const insert = (tx: Transaction): Promise<unknown> => tx.query('insert into t values (1)')

/** Runs `work`, then loses its COMMIT, the first time. Resolves with how often it ran. */
async function losing(
  side: 'request' | 'answer',
  work: (tx: Transaction) => Promise<unknown>,
  options: LossOptions & { readonly isolation?: 'serializable' } = {},
): Promise<number> {
  let runs = 0
  const { isolation, ...loss } = options
  await db.transaction(
    async (tx) => {
      await work(tx)
      if (++runs === 1) void proxy.loseCommit(side, loss)
    },
    { name: 'transfer', ...(isolation ? { isolation } : {}) },
  )
  return runs
}

test('a COMMIT that was applied and whose answer was lost is a success, told once', async () => {
  const hooks: string[] = []
  const runs = await losing('answer', async (tx) => {
    tx.afterCommit(() => void hooks.push('committed'))
    tx.afterRollback(() => void hooks.push('rolled back'))
    await insert(tx)
  })
  assert.deepEqual([runs, hooks, await saved()], [1, ['committed'], [1]])
  assert.partialDeepStrictEqual(fates(), [{ kind: 'commit.resolved', transaction: 'transfer', isCommitted: true }])
})

test('a COMMIT that never arrived is run again, and applied once', async () => {
  const runs = await losing('request', insert)
  assert.deepEqual([runs, await saved()], [2, [1]])
  assert.partialDeepStrictEqual(fates(), [{ kind: 'commit.resolved', isCommitted: false }])
})

test('behind a half-open connection the backend that still waits for its COMMIT is ended first', async () => {
  const processes: unknown[] = []
  const runs = await losing(
    'request',
    async (tx) => {
      processes.push((await tx.query('select pg_backend_pid() as pid')).rows[0]?.['pid'])
      // Were the first one still open, this would wait for its lock and fail at the lock timeout.
      await insert(tx)
    },
    { halfOpen: true },
  )
  assert.deepEqual([runs, await saved()], [2, [1]])
  const [first] = processes
  assert.deepEqual(await activity.query('select 1 from pg_stat_activity where pid = $1', [first]), [])
})

test('a connection that falls silent at COMMIT is given up and asked about', async () => {
  await using quick = createDatabase({ url: proxy.url, pool: { max: 1 }, statementTimeoutMs: 500 })
  for (const side of ['request', 'answer'] as const) {
    await activity.query('truncate t')
    let runs = 0
    await quick.transaction(async (tx) => {
      await insert(tx)
      if (++runs === 1) void proxy.loseCommit(side, { silent: true })
    })
    assert.deepEqual([runs, await saved()], [side === 'request' ? 2 : 1, [1]])
  }
})

test('what a function wrote and what a rolled back savepoint wrote is asked about too', async () => {
  assert.equal(await losing('request', (tx) => tx.query('select fill(1)')), 2)
  await activity.query('truncate t')
  const runs = await losing('answer', async (tx) => {
    const undone = tx.savepoint(async (inner) => {
      await insert(inner)
      throw new Error('mine')
    })
    await undone.catch(() => undefined)
    await tx.query('insert into t values (2)')
  })
  assert.deepEqual([runs, await saved()], [1, [2]])
})

test('a transaction that wrote nothing has succeeded, whatever became of its COMMIT', async () => {
  assert.equal(await losing('request', (tx) => tx.query('select * from t')), 1)
  assert.deepEqual(fates(), [])
})

test('a serializable transaction that wrote nothing is run again: its COMMIT could have failed', async () => {
  assert.equal(await losing('request', (tx) => tx.query('select * from t'), { isolation: 'serializable' }), 2)
})

test('a lost COMMIT that would have sent a notification alone is unknown', async () => {
  const error = await errorOf(losing('request', (tx) => tx.query(`select pg_notify('a', 'b')`)))
  assert.ok(isPlinthError(error, 'CommitUnknown'))
  assert.deepEqual([error.outcome, error.phase, error.retryable], ['unknown', 'commit', false])
  assert.partialDeepStrictEqual(fates(), [{ kind: 'commit.unknown', transaction: 'transfer' }])
})

test('a write whose answer was too large is not taken for nothing', async () => {
  const tooLarge = (tx: Transaction): Promise<unknown> =>
    tx
      .query(`insert into t values (1) returning repeat('x', 5000)`, [], { maxAnswerBytes: 1000 })
      .catch(() => undefined)
  await assert.rejects(losing('answer', tooLarge), { code: 'CommitUnknown' })
  await activity.query('truncate t')
  const runs = await losing('answer', async (tx) => {
    await tooLarge(tx)
    await tx.query('select 1')
  })
  assert.deepEqual([runs, await saved()], [1, [1]])
})

test('the owner form and a transaction of a session are asked about as well', async () => {
  await using tx = await db.begin()
  await insert(tx)
  void proxy.loseCommit('answer')
  await tx.commit()
  assert.deepEqual(await saved(), [1])
  await activity.query('truncate t')
  await using later = await db.begin()
  await insert(later)
  void proxy.loseCommit('request')
  await assert.rejects(later.commit(), { code: 'ConnectionLost', outcome: 'not applied', retryable: true })
  await using session = await db.session()
  await session.transaction(async (inner) => {
    await insert(inner)
    void proxy.loseCommit('answer')
  })
  assert.deepEqual(await saved(), [1])
})

test('where nobody can be asked before the time is up, the outcome is unknown and names the transaction', async () => {
  await using own = await startProxy(url)
  await using away = createDatabase({ url: own.url, pool: { max: 1 } })
  const error = await errorOf(
    away.transaction(
      async (tx) => {
        await insert(tx)
        void own.loseCommit('answer')
        own.become('refuse')
      },
      { timeoutMs: 500 },
    ),
  )
  assert.ok(isPlinthError(error, 'CommitUnknown'))
  assert.match(error.message, /Whether it is saved is not known: the server could not be asked/)
  const { transactionId } = error
  assert.deepEqual(await activity.query('select pg_xact_status($1::xid8) as s', [transactionId]), [{ s: 'committed' }])
})

test('the id costs no round trip', async () => {
  await db.transaction(insert)
  await activity.query('truncate t')
  proxy.mark()
  await db.transaction(async (tx) => {
    await insert(tx)
    await tx.query('select 1')
  })
  assert.equal(proxy.roundTrips, 3)
})
