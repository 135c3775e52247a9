import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as drizzle045 } from 'drizzle-orm-045/node-postgres'
import { integer, pgTable } from 'drizzle-orm/pg-core'
import { Kysely, PostgresDialect } from 'kysely'
import { createDatabase } from '../src/database/database.ts'
import { PlinthError } from '../src/errors.ts'
import type { Transaction } from '../src/index.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table item (id int primary key)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 2, sharedLanes: 0 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('truncate item'))

const saved = async (): Promise<unknown> =>
  (await activity.query('select id from item order by id')).map(({ id }) => id)
const item = pgTable('item', { id: integer().primaryKey() })
const mine = new PlinthError('InvalidOperation', 'mine')
const settled = async (...work: Promise<unknown>[]): Promise<unknown> =>
  (await Promise.allSettled(work)).map(({ status }) => status)

type Insert = (id: number) => Promise<unknown>
interface Library {
  readonly transaction: (work: (insert: Insert) => Promise<void>) => Promise<unknown>
  readonly insert: Insert
}

const libraries: Readonly<Record<string, (tx: Transaction) => Library>> = {
  drizzle: (tx) => {
    const orm = drizzle({ client: tx.pg })
    return {
      transaction: (work) => orm.transaction((inner) => work(async (id) => inner.insert(item).values({ id }))),
      insert: async (id) => orm.insert(item).values({ id }),
    }
  },
  'drizzle 0.45': (tx) => {
    const orm = drizzle045({ client: tx.pg })
    return {
      transaction: (work) =>
        orm.transaction((inner) => work(async (id) => inner.execute(`insert into item values (${id})`))),
      insert: async (id) => orm.execute(`insert into item values (${id})`),
    }
  },
  kysely: (tx) => {
    const orm = new Kysely<{ item: { id: number } }>({ dialect: new PostgresDialect({ pool: tx.pg }) })
    return {
      transaction: (work) =>
        orm.transaction().execute((inner) => work((id) => inner.insertInto('item').values({ id }).execute())),
      insert: (id) => orm.insertInto('item').values({ id }).execute(),
    }
  },
}

for (const [name, open] of Object.entries(libraries)) {
  test(`${name}: of two transactions at once inside ours, the one that fails undoes nothing of the other`, async () => {
    await db.transaction(async (tx) => {
      const { transaction } = open(tx)
      const failing = transaction(async (insert) => {
        await insert(1)
        await sleep(20)
        throw mine
      })
      const other = transaction(async (insert) => {
        await insert(2)
        await sleep(40)
      })
      assert.deepEqual(await settled(failing, other), ['rejected', 'fulfilled'])
    })
    assert.deepEqual(await saved(), [2])
  })

  test(`${name}: statements and savepoints beside an inner transaction are not undone with it`, async () => {
    await db.transaction(async (tx) => {
      const library = open(tx)
      const failing = library.transaction(async (insert) => {
        await insert(1)
        await sleep(50)
        throw mine
      })
      await sleep(20)
      const beside = [
        tx.query('insert into item values (2)'),
        tx.pg.query('insert into item values (3)'),
        library.insert(4),
        tx.savepoint((sp) => sp.query('insert into item values (5)')),
      ]
      assert.deepEqual(await settled(failing, ...beside), ['rejected', ...beside.map(() => 'fulfilled')])
    })
    assert.deepEqual(await saved(), [2, 3, 4, 5])
  })

  test(`${name}: an inner transaction that nobody awaits leaves no half behind`, async () => {
    let dropped: Promise<unknown> | undefined
    const outer = db.transaction(async (tx) => {
      const begun = Promise.withResolvers<void>()
      dropped = open(tx).transaction(async (insert) => {
        await insert(1)
        begun.resolve()
        await sleep(20)
        await insert(2)
      })
      dropped.catch(() => undefined)
      await begun.promise
    })
    await assert.rejects(outer, { code: 'FloatingStatement' })
    assert.deepEqual(await settled(dropped ?? assert.fail()), ['rejected'])
    assert.deepEqual(await saved(), [])
  })
}

test('a BEGIN on tx.pg that is never ended saves nothing, also where a statement waits for its end', async () => {
  const forgotten = db.transaction(async (tx) => {
    await tx.pg.query('begin')
    await tx.pg.query('insert into item values (1)')
  })
  await assert.rejects(forgotten, { code: 'FloatingStatement', message: /a transaction on its tx.pg was still open/ })
  const waitedFor = db.transaction(async (tx) => {
    const beside = sleep(30).then(() => tx.query('insert into item values (2)'))
    const next = sleep(20).then(async () => (await tx.pg.connect()).query('begin'))
    for (const waiting of [next, beside]) waiting.catch(() => undefined)
    await tx.pg.query('begin')
    await sleep(60)
  })
  await assert.rejects(waitedFor, { code: 'FloatingStatement' })
  assert.deepEqual(await saved(), [])
})

test('in a savepoint, a BEGIN that is never ended undoes the savepoint alone', async () => {
  await db.transaction(async (tx) => {
    await tx.query('insert into item values (1)')
    const part = tx.savepoint(async (sp) => {
      await sp.pg.query('begin')
      await sp.pg.query('insert into item values (2)')
    })
    await assert.rejects(part, { code: 'FloatingStatement' })
  })
  assert.deepEqual(await saved(), [1])
})

test('what is known to run inside an inner transaction and would wait for its end is refused', async () => {
  await db.transaction(async (tx) => {
    const client = await tx.pg.connect()
    await client.query('begin')
    await client.query('insert into item values (1)')
    await assert.rejects(tx.query('insert into item values (2)'), { code: 'SavepointOpen' })
    await assert.rejects(tx.pg.query('insert into item values (2)'), { code: 'SavepointOpen' })
    await assert.rejects(
      tx.savepoint(async () => undefined),
      { code: 'SavepointOpen' },
    )
    const commit = client.query('commit')
    await tx.query('insert into item values (3)')
    await commit
  })
  assert.deepEqual(await saved(), [1, 3])
})

test('a second BEGIN on the same client is refused, as the first COMMIT would end both', async () => {
  await db.transaction(async (tx) => {
    await tx.pg.query('begin')
    await tx.pg.query('insert into item values (1)')
    await assert.rejects(tx.pg.query('begin'), { code: 'NestedTransaction' })
    await tx.pg.query('commit')
  })
  assert.deepEqual(await saved(), [1])
})

test('a client that is given back with its transaction open undoes it, and is dead', async () => {
  await db.transaction(async (tx) => {
    const client = await tx.pg.connect()
    await client.query('begin')
    await client.query('insert into item values (1)')
    client.release()
    await assert.rejects(client.query('select 1'), { code: 'TransactionClosed' })
    const other = await tx.pg.connect()
    await other.query('begin')
    await other.query('insert into item values (2)')
    await other.query('commit')
    other.release()
  })
  assert.deepEqual(await saved(), [2])
})

test('PREPARE TRANSACTION, and savepoints with names of ours, are refused', async () => {
  await db.transaction(async (tx) => {
    await tx.pg.query('insert into item values (1)')
    await assert.rejects(tx.pg.query("PREPARE /**/ transaction 'x'"), { code: 'SessionStatement' })
    await tx.savepoint(async (sp) => {
      await sp.query('insert into item values (2)')
      for (const text of [
        'rollback to savepoint plinth_1',
        'ROLLBACK WORK TO PLINTH_1',
        'abort to plinth_1',
        'release "plinth_1"',
        'savepoint plinth_1',
      ])
        await assert.rejects(sp.pg.query(text), { code: 'SessionStatement' }, text)
    })
  })
  assert.deepEqual(await saved(), [1, 2])
})

test('a BEGIN that asks for what our transaction does not have is refused, and any other is a savepoint', async () => {
  const ask = async (tx: Transaction, text: string): Promise<unknown> => {
    const begun = await tx.pg.query(text).catch((error: unknown) => error)
    if (begun instanceof PlinthError) return begun.code
    await tx.pg.query('commit')
    return 'begun'
  }
  await db.transaction(async (tx) => {
    for (const text of [
      'begin isolation level serializable, read only',
      'START TRANSACTION  READ  ONLY',
      'begin isolation level repeatable\nread',
    ])
      assert.equal(await ask(tx, text), 'SessionStatement', text)
    for (const text of ['begin', 'start transaction read write', 'begin isolation level READ committed, read write'])
      assert.equal(await ask(tx, text), 'begun', text)
  })
  const serializable = await db.transaction(
    async (tx) => [
      await ask(tx, 'begin isolation level serializable'),
      await ask(tx, 'begin isolation level read committed'),
    ],
    { isolation: 'serializable' },
  )
  assert.deepEqual(serializable, ['begun', 'SessionStatement'])
  const error = await errorOf(db.transaction((tx) => tx.pg.query('begin read only')))
  assert.match(error.message, /READ ONLY/)
})
