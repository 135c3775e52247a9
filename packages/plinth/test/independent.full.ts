import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Transaction } from '../src/index.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key)' })
const activity = await watchActivity(url)
after(() => activity.close())
beforeEach(() => activity.query('truncate t'))

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)
const insert = (tx: Transaction, id: number): Promise<unknown> => tx.query('insert into t values ($1)', [id])
const open = (max: number): ReturnType<typeof createDatabase> =>
  createDatabase({ url, service: `of ${max}`, pool: { max, sharedLanes: 0, acquireTimeoutMs: 20_000 } })

test('independent work is saved although the transaction around it is not, on a pool of one too', async () => {
  for (const max of [1, 4]) {
    await using db = open(max)
    await assert.rejects(
      db.transaction(async (tx) => {
        await insert(tx, 1)
        await db.independent((own) => insert(own, max * 10))
        throw new Error('mine')
      }),
      { message: 'mine' },
    )
  }
  assert.deepEqual(await saved(), [10, 40])
})

test('more callers than connections, each with independent work inside, all end', async () => {
  await using db = open(3)
  const begun = performance.now()
  const ids = Array.from({ length: 12 }, (_, i) => i)
  await Promise.all(
    ids.map((id) =>
      db.transaction(async (tx) => {
        await insert(tx, id)
        await tx.query('select pg_sleep(0.02)')
        await db.independent((own) => insert(own, 100 + id))
      }),
    ),
  )
  assert.ok(performance.now() - begun < 15_000)
  assert.deepEqual(await saved(), [...ids, ...ids.map((id) => 100 + id)])
})

test('it takes at most one connection beyond the pool, and gives it back', async () => {
  await using db = open(2)
  let most = 0
  const count = async (): Promise<void> => {
    most = Math.max(most, await activity.count('of 2'))
  }
  await Promise.all(
    [1, 2].map((id) =>
      db.transaction(async (tx) => {
        await insert(tx, id)
        await Promise.all(
          [3, 4].map((more) => db.independent(async (own) => (await insert(own, id * 10 + more), count()))),
        )
      }),
    ),
  )
  assert.ok(most <= 3, `${most} connections`)
  await db.query('select 1')
})

test('who waits too long for the spare connection is told so', async () => {
  await using db = createDatabase({ url, pool: { max: 1, acquireTimeoutMs: 300 } })
  await db.connect()
  const error = await errorOf(
    db.transaction(async (tx) => {
      await insert(tx, 1)
      await Promise.all([
        db.independent((own) => own.query('select pg_sleep(3)')),
        db.independent((own) => insert(own, 2)),
      ])
    }),
  )
  assert.ok(isPlinthError(error, 'PoolTimeout'), String(error))
  assert.match(error.message, /^No connection for db\.independent\(\)/)
  assert.deepEqual(await saved(), [])
})

test('outside a transaction it is a transaction like any other', async () => {
  await using db = open(1)
  assert.equal(await db.independent(async (tx) => (await insert(tx, 1), tx.name)), 'independent transaction')
  assert.deepEqual(await saved(), [1])
})

test('what is nested in independent work is refused at once, by name', async () => {
  await using db = open(1)
  const inside = async (work: (own: Transaction) => Promise<unknown>): Promise<string> => {
    const error = await errorOf(db.transaction(() => db.independent(work, { name: 'audit' }), { name: 'createOrder' }))
    assert.ok(isPlinthError(error, 'NestedTransaction'), String(error))
    return error.message
  }
  const again = (): Promise<number> => db.independent(async () => 1, { name: 'second' })
  assert.match(await inside(again), /"second" was begun inside the independent transaction "audit"/)
  assert.match(await inside((own) => own.savepoint(again)), /inside the independent transaction "audit, savepoint 1"/)
  assert.match(await inside(() => db.transaction(async () => 1)), /inside the open transaction "audit"/)
})

test('independent work that waits for a lock of its own caller fails by the lock timeout', async () => {
  await using db = createDatabase({ url, pool: { max: 2 }, lockTimeoutMs: 200 })
  await assert.rejects(
    db.transaction(async (tx) => {
      await insert(tx, 1)
      await db.independent((own) => insert(own, 1))
    }),
    { code: 'LockTimeout' },
  )
  assert.deepEqual(await saved(), [])
})

test('the spare connection to a server that took no writes is left as those of the pool are', async () => {
  const name = new URL(url).pathname.slice(1)
  await activity.query(`alter database ${name} set default_transaction_read_only = on`)
  await using one = createDatabase({ url, pool: { max: 1, sharedLanes: 0 } })
  const write = (): Promise<unknown> =>
    one.transaction(async (tx) => {
      await tx.query('select 1')
      await one.independent((inner) => insert(inner, 77))
    })
  await assert.rejects(write())
  await activity.query(`alter database ${name} reset default_transaction_read_only`)
  await until(() =>
    write().then(
      () => true,
      () => false,
    ),
  )
  assert.deepEqual(await saved(), [77])
})
