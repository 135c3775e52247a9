import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { Database, FaultOptions, TransactionOptions } from '../src/database/queryable.ts'
import { isPlinthError } from '../src/errors.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key)' })
const activity = await watchActivity(url)
after(() => activity.close())
beforeEach(() => activity.query('truncate t'))

interface Ending {
  readonly id: number
  readonly runs: number
  readonly error: unknown
}

/** Transactions one after another, each inserting its id. */
async function run(
  faults: FaultOptions,
  count: number,
  options: TransactionOptions = {},
  form: (db: Database, id: number, count: () => number) => Promise<unknown> = (db, id, ran) =>
    db.transaction(async (tx) => {
      ran()
      await tx.query('insert into t values ($1)', [id])
    }, options),
): Promise<Ending[]> {
  await using db = createDatabase({ url, pool: { max: 2 }, faults })
  const endings: Ending[] = []
  for (let id = 0; id < count; id++) {
    let runs = 0
    const error: unknown = await form(db, id, () => runs++).then(
      () => undefined,
      (failure: unknown) => failure,
    )
    endings.push({ id, runs, error })
  }
  return endings
}

/** How often it ran, the code and the outcome. */
function summary({ runs, error }: Ending): unknown[] {
  return [runs, ...(isPlinthError(error) ? [error.code, error.outcome, error.sqlstate ?? error.phase] : ['ok'])]
}

/** How the first of them ends. */
async function first(
  faults: FaultOptions,
  ...rest: [TransactionOptions?, Parameters<typeof run>[3]?]
): Promise<unknown> {
  const [ending] = await run(faults, 1, ...rest)
  assert.ok(ending)
  return summary(ending)
}

const saved = async (): Promise<unknown[]> => (await activity.query('select id from t order by id')).map(({ id }) => id)
const noDelay = { retry: { baseMs: 0 } }

test('of the commits reported as unknown a part is saved and a part is not', async () => {
  const endings = await run({ commitUnknown: 1, seed: 7 }, 12)
  for (const { error } of endings) {
    assert.ok(isPlinthError(error, 'CommitUnknown'))
    assert.deepEqual([error.outcome, error.phase, error.retryable], ['unknown', 'commit', false])
  }
  const applied = (await saved()).length
  assert.ok(applied > 0 && applied < 12, `${applied} of 12`)
})

test('the same seed meets the same calls, and another seed others', async () => {
  const outcomes = async (seed: number): Promise<unknown> => {
    await activity.query('truncate t')
    const endings = await run({ seed, commitUnknown: 0.3, serializationFailure: 0.3, poolTimeout: 0.1 }, 15, noDelay)
    return [endings.map(summary), await saved()]
  }
  const once = await outcomes(3)
  assert.deepEqual(await outcomes(3), once)
  assert.notDeepEqual(await outcomes(4), once)
})

test('a serialization failure comes from the server: rolled back and run again until it passes', async () => {
  const endings = await run({ serializationFailure: 0.5 }, 10, { retry: { baseMs: 0, attempts: 30 } })
  assert.ok(endings.some(({ runs }) => runs > 1))
  assert.deepEqual(
    endings.map(({ error }) => error),
    endings.map(() => undefined),
  )
  assert.equal((await saved()).length, 10)
})

test('one that never passes comes out with its SQLSTATE after the last attempt', async () => {
  for (const [share, code, sqlstate] of [
    ['serializationFailure', 'SerializationFailure', '40001'],
    ['deadlock', 'DeadlockDetected', '40P01'],
  ] as const) {
    assert.deepEqual(await first({ [share]: 1 }, noDelay), [5, code, 'not applied', sqlstate])
  }
  assert.deepEqual(await saved(), [])
})

test('a cut connection is lost for good, and the transaction is run again on another', async () => {
  const endings = await run({ connectionLost: 0.5 }, 6, { retry: { baseMs: 0, attempts: 30 } })
  assert.ok(endings.some(({ runs }) => runs > 1))
  assert.equal((await saved()).length, 6)
  await activity.query('truncate t')
  assert.deepEqual(await first({ connectionLost: 1 }, noDelay), [5, 'ConnectionLost', 'not applied', 'commit'])
})

test('a timeout of the pool comes before the callback, without the wait', async () => {
  assert.deepEqual(await first({ poolTimeout: 1 }), [0, 'PoolTimeout', 'not applied', 'acquire'])
})

test('the form of an owner meets them too', async () => {
  const begun = async (db: Database, id: number): Promise<void> => {
    await using tx = await db.begin()
    await tx.query('insert into t values ($1)', [id])
    await tx.commit()
  }
  assert.deepEqual(await first({ serializationFailure: 1 }, {}, begun), [
    0,
    'SerializationFailure',
    'not applied',
    '40001',
  ])
  assert.deepEqual(await saved(), [])
})

test('a transaction that wrote nothing has no outcome that could be unknown', async () => {
  const reading = (db: Database): Promise<unknown> => db.transaction((tx) => tx.query('select * from t'))
  assert.deepEqual(await first({ commitUnknown: 1, connectionLost: 1 }, {}, reading), [0, 'ok'])
})

test('a share that is none, and a server elsewhere, are refused', () => {
  const open = (faults: FaultOptions, at = url): Database => createDatabase({ url: at, faults })
  assert.throws(() => open({ deadlock: 1.5 }), { code: 'InvalidOption', message: /faults\.deadlock is 1\.5/ })
  const elsewhere = 'postgres://app@db.example.com/app'
  for (const at of [elsewhere, 'postgres://app@localhost,db.example.com/app', 'postgres:///app?host=db'])
    assert.throws(
      () => open({ deadlock: 0.1 }, at),
      { code: 'InvalidOption', message: /may not be on this machine/ },
      at,
    )
  open({ deadlock: 0.1, onAnyHost: true }, elsewhere)
})
