import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import {
  createDatabase,
  type IdempotencyKey,
  installSchema,
  type IsolationLevel,
  type Transaction,
  type TransactionOptions,
} from '../src/index.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({
  script: `create table t (id int generated always as identity);
    create table late (id int);
    create function refuse() returns trigger language plpgsql as $$
      begin
        if (select count(*) from late) < 2 then raise exception using errcode = '40001'; end if;
        return null;
      end $$;`,
})
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 3 } })
after(() => activity.close())
after(() => db.close())
before(() => installSchema(db))
beforeEach(() => activity.query('truncate t, plinth.idempotency'))

const count = async (of: string): Promise<number> => (await activity.query(`select from ${of}`)).length

type Begin = <R>(work: (tx: Transaction) => Promise<R>, options: TransactionOptions) => Promise<R>

/** A transaction under a key begins in each of these. */
const entries: readonly (readonly [name: string, begin: Begin])[] = [
  ['db.transaction', (work, options) => db.transaction(work, options)],
  ['db.independent alone', (work, options) => db.independent(work, options)],
  [
    'db.independent inside another transaction',
    (work, options) =>
      db.transaction(async (tx) => {
        await tx.query('select 1')
        return db.independent(work, options)
      }),
  ],
  [
    'session.transaction',
    async (work, options) => {
      await using session = await db.session()
      return await session.transaction(work, options)
    },
  ],
]

const levels: readonly IsolationLevel[] = ['read committed', 'repeatable read', 'serializable']

for (const isolation of levels)
  for (const [name, begin] of entries)
    describe(`under a key, ${name}, ${isolation}`, () => {
      let runs = 0
      beforeEach(() => void (runs = 0))

      async function insert(tx: Transaction): Promise<number> {
        runs++
        return (await tx.one<{ id: number }>('insert into t default values returning id')).id
      }
      const under = (
        idempotencyKey: string | IdempotencyKey,
        work: (tx: Transaction) => Promise<number> = insert,
      ): Promise<number> => begin(work, { idempotencyKey, isolation })

      test('a repeat gets the stored answer, and another request is refused', async () => {
        const first = await under({ key: 'a', request: { item: 1 } })
        assert.equal(await under({ key: 'a', request: { item: 1 } }), first)
        const other = under({ key: 'a', request: { item: 2 } })
        await assert.rejects(other, { code: 'IdempotencyConflict', outcome: 'not applied' })
        assert.deepEqual([runs, await count('t')], [1, 1])
      })

      test('a key in flight is refused at once, and is free again when its transaction failed', async () => {
        await using other = createDatabase({ url, pool: { max: 1 } })
        const failing = under('a', async (tx) => {
          const repeat = other.transaction(insert, { idempotencyKey: 'a', isolation })
          await assert.rejects(repeat, { code: 'IdempotencyInFlight', retryable: true })
          await insert(tx)
          throw new RangeError('mine')
        })
        await assert.rejects(failing, { message: 'mine' })
        assert.equal(await count('t'), 0)
        await under('a')
        assert.deepEqual([runs, await count('t')], [2, 1])
      })

      test('work that is run again after a conflict is stored once', async () => {
        const id = await under('a', async (tx) => {
          const made = await insert(tx)
          if (runs === 1) await tx.query(`do $$ begin raise exception using errcode = '40001'; end $$`)
          return made
        })
        assert.equal(await under('a'), id)
        assert.deepEqual([runs, await count('t'), await count('plinth.idempotency')], [2, 1, 1])
      })
    })

for (const isolation of ['repeatable read', 'serializable'] as const)
  test(`an answer that was stored behind the snapshot of a ${isolation} transaction is found by its next attempt`, async () => {
    let runs = 0
    const stored = await db.transaction(async () => 'first', { idempotencyKey: 'model' })
    const answer = await db.transaction(
      async (tx) => {
        runs++
        await tx.query('insert into t default values')
        // As by a call whose COMMIT came after this snapshot was taken and before its lock was tried.
        await activity.query(`insert into plinth.idempotency
          select scope, 'a', request_hash, response, gen_random_uuid(), created_at, expires_at from plinth.idempotency`)
        return 'second'
      },
      { idempotencyKey: 'a', isolation },
    )
    assert.deepEqual([answer, runs, await count('t')], [stored, 1, 0])
  })

test('a conflict that shows only at COMMIT is run again, and its answer stored once', async () => {
  await activity.query(`create constraint trigger refuse after insert on t deferrable initially deferred
    for each row execute function refuse()`)
  let runs = 0
  const work = async (tx: Transaction): Promise<number> => {
    await activity.query('insert into late values (1)')
    await tx.query('insert into t default values')
    return ++runs
  }
  assert.equal(await db.transaction(work, { idempotencyKey: 'a' }), 2)
  assert.equal(await db.transaction(work, { idempotencyKey: 'a' }), 2)
  assert.deepEqual([runs, await count('t')], [2, 1])
})
