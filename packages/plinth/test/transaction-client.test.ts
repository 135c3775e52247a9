import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable } from 'drizzle-orm/pg-core'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Transaction } from '../src/index.ts'
import { startFaultProxy } from '../src/testing/fault-proxy.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table item (id int primary key)' })
const activity = await watchActivity(url)
const proxy = await startFaultProxy(url)
const db = createDatabase({ url: proxy.url, pool: { max: 2, sharedLanes: 0 } })
after(() => activity.close())
after(() => proxy[Symbol.asyncDispose]())
after(() => db.close())
beforeEach(() => activity.query('truncate item'))

const saved = async (): Promise<unknown> =>
  (await activity.query('select id from item order by id')).map(({ id }) => id)
const item = pgTable('item', { id: integer().primaryKey() })

test('Drizzle and Kysely work inside our transaction, together with our own statements', async () => {
  await db.transaction(async (tx) => {
    await tx.query('insert into item values (1)')
    await drizzle({ client: tx.pg }).insert(item).values({ id: 2 })
    const kysely = new Kysely<{ item: { id: number } }>({ dialect: new PostgresDialect({ pool: tx.pg }) })
    await kysely.insertInto('item').values({ id: 3 }).execute()
    assert.deepEqual(await saved(), [])
    assert.equal((await tx.query('select 1 from item')).rowCount, 3)
  })
  assert.deepEqual(await saved(), [1, 2, 3])
})

test('a transaction of a library inside ours is a savepoint, which fails alone', async () => {
  await db.transaction(async (tx) => {
    const orm = drizzle({ client: tx.pg })
    await orm.transaction((inner) => inner.insert(item).values({ id: 1 }))
    const failing = orm.transaction(async (inner) => {
      await inner.insert(item).values({ id: 2 })
      await inner.insert(item).values({ id: 2 })
    })
    await assert.rejects(failing)
    await tx.query('insert into item values (3)')
  })
  assert.deepEqual(await saved(), [1, 3])
})

test('a library that swallows an error inside its own transaction is told, and ours goes on', async () => {
  await db.transaction(async (tx) => {
    const orm = drizzle({ client: tx.pg })
    const swallowing = orm.transaction(async (inner) => {
      await inner.insert(item).values({ id: 1 })
      await inner
        .insert(item)
        .values({ id: 1 })
        .catch(() => undefined)
    })
    const error = await errorOf(swallowing)
    const aborted = isPlinthError(error, 'TransactionAborted') ? error : error.cause
    assert.ok(isPlinthError(aborted, 'TransactionAborted'))
    assert.match(aborted.message, /statement 2 failed with 23505/)
    assert.ok(aborted.cause instanceof pg.DatabaseError)
    await tx.query('insert into item values (2)')
  })
  assert.deepEqual(await saved(), [2])
})

test('what failed in a savepoint of the library and was undone is not named for a later failure', async () => {
  await db.transaction(async (tx) => {
    const client = tx.pg
    await client.query('begin')
    await client.query('savepoint a')
    await client.query('select 1 / 0').catch(() => undefined)
    await client.query('rollback to a')
    await client.query(`select 'x'::int`).catch(() => undefined)
    const error = await errorOf(client.query('commit'))
    assert.match(error.message, /statement 4 failed with 22P02/)
  })
})

test("an error swallowed on tx.pg aborts our transaction, with pg's own error as the cause", async () => {
  const error = await errorOf(
    db.transaction(async (tx) => {
      await tx.pg.query('insert into item values (1)')
      await tx.pg.query('insert into item values (1)').catch(() => undefined)
    }),
  )
  assert.ok(isPlinthError(error, 'TransactionAborted'))
  assert.ok(isPlinthError(error.cause, 'UniqueViolation'))
  assert.ok(error.cause.cause instanceof pg.DatabaseError)
  assert.match(error.message, /23505/)
  assert.deepEqual(await saved(), [])
})

test('COMMIT and ROLLBACK that are not its own are refused', async () => {
  await db.transaction(async (tx) => {
    await tx.pg.query('insert into item values (1)')
    await assert.rejects(tx.pg.query('COMMIT'), { code: 'SessionStatement' })
    await tx.pg.query('begin')
    await assert.rejects(tx.pg.query(`prepare transaction 'x'`), { code: 'SessionStatement' })
    await tx.pg.query('commit')
    for (const text of ['rollback', 'rollback /* back to the start */', 'ROLLBACK; -- to', 'rollback work'])
      await assert.rejects(tx.pg.query(text), { code: 'SessionStatement' }, text)
    for (const text of ['rollback to a', 'ROLLBACK WORK TO a', 'rollback /**/ transaction to savepoint a']) {
      await tx.pg.query('savepoint a')
      await tx.pg.query(text)
    }
  })
  assert.deepEqual(await saved(), [1])
})

test('a text of several statements neither ends our transaction nor loses a statement', async () => {
  const ending = db.transaction(async (tx) => {
    await tx.pg.query('insert into item values (1); commit')
  })
  await assert.rejects(ending, { code: '42601' })
  await db.transaction(async (tx) => {
    await assert.rejects(tx.pg.query('begin; insert into item values (2)'), { code: 'SessionStatement' })
    await tx.pg.query('begin;')
    await tx.pg.query('insert into item values (3)')
    await assert.rejects(tx.pg.query('commit; select 1'), { code: 'SessionStatement' })
    await tx.pg.query('commit')
  })
  assert.deepEqual(await saved(), [3])
})

test('the client is dead after the end, and a statement on it that nobody awaited undoes the transaction', async () => {
  const kept: Transaction[] = []
  await db.transaction(async (tx) => void kept.push(tx))
  await assert.rejects(kept[0]?.pg.query('insert into item values (1)') ?? assert.fail(), { code: 'TransactionClosed' })
  const floating = db.transaction(async (tx) => {
    void tx.pg.query('insert into item values (2)')
    await Promise.resolve()
  })
  await assert.rejects(floating, { code: 'FloatingStatement' })
  assert.deepEqual(await saved(), [])
})

test("our statements and the client's keep the order they were sent in, and each gets its own answer", async () => {
  await db.transaction(async (tx) => {
    const answers = await Promise.all([
      tx.query('select 1 as n'),
      tx.pg.query('select $1::int as n', [2]),
      tx.query('select 3 as n'),
      tx.pg.query({ text: 'select 4 as n', rowMode: 'array' }),
    ])
    assert.deepEqual(
      answers.map(({ rows }) => rows[0]),
      [{ n: 1 }, { n: 2 }, { n: 3 }, [4]],
    )
  })
})

test('what the client wrote is asked about when the answer to COMMIT is lost', async () => {
  let runs = 0
  await db.transaction(async (tx) => {
    await tx.pg.query('insert into item values (1)')
    if (++runs === 1) void proxy.loseCommit('request')
  })
  assert.deepEqual([runs, await saved()], [2, [1]])
})

test('the deadline of the transaction ends a statement of the client', async () => {
  const slow = db.transaction((tx) => tx.pg.query('select pg_sleep(60)'), { timeoutMs: 300 })
  await assert.rejects(slow, { code: 'TransactionTimeout' })
  assert.equal((await db.query('select 1')).rowCount, 1)
})
