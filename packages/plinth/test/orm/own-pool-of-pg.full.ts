import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { errorOf, watchActivity } from '../support/activity.ts'
import { testDatabase } from '../support/database.ts'
import { startProxy } from '../support/proxy.ts'
import { open as drizzle045 } from './adapters/drizzle-045.ts'
import { open as drizzle } from './adapters/drizzle.ts'
import { open as knex } from './adapters/knex.ts'
import { open as kysely } from './adapters/kysely.ts'
import { open as mikroOrm } from './adapters/mikro-orm.ts'
import { open as prisma } from './adapters/prisma.ts'
import { open as typeorm } from './adapters/typeorm.ts'
import { chain, hasCode } from './errors.ts'
import type { Orm, OrmTransaction } from './orm.ts'

// The column "on pg.Pool" of the table in docs/guides/bring-your-orm.md: what the libraries do without Plinth. When one
// of them mends its ways, this fails, and the table must change.
const libraries = {
  'Drizzle 0.45': drizzle045,
  'Drizzle 1.0': drizzle,
  Kysely: kysely,
  Knex: knex,
  TypeORM: typeorm,
  MikroORM: mikroOrm,
  Prisma: prisma,
}

const { url } = await testDatabase({ script: 'create table item (id int primary key, name text)' })
const activity = await watchActivity(url)
const proxy = await startProxy(url)
after(() => activity.close())
after(() => proxy[Symbol.asyncDispose]())
beforeEach(() => activity.query('truncate item'))

const saved = async (): Promise<unknown> =>
  (await activity.query('select id from item order by id')).map(({ id }) => id)

function ownPool(options: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString: proxy.url, max: 3, ...options })
  pool.on('error', () => undefined)
  // A checked-out client whose connection ends would otherwise end this process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** Some keep the client of a failed COMMIT, and pg's `end()` waits for it without a limit. */
async function close(orm: Orm): Promise<void> {
  await Promise.race([orm.close(), sleep(2000)])
}

for (const [name, open] of Object.entries(libraries)) {
  const onPgPool = (title: string, check: (orm: Orm) => Promise<void>): void => {
    test(`${name} on pg's own pool ${title}`, async () => {
      const orm = await open(ownPool())
      await using _ = { [Symbol.asyncDispose]: () => close(orm) }
      await check(orm)
    })
  }

  // Kysely looks at the answer to COMMIT; MikroORM stands on Kysely's dialect here.
  const noticesRollback = name === 'Kysely' || name === 'MikroORM'
  onPgPool(`${noticesRollback ? 'notices' : 'resolves'} a transaction that PostgreSQL rolled back`, async (orm) => {
    const swallowing = orm.transaction(async (tx) => {
      await tx.insert(1)
      await tx.insert(1).catch(() => undefined)
    })
    await (noticesRollback ? assert.rejects(swallowing, { name: 'AbortedTransactionError' }) : swallowing)
    assert.deepEqual(await saved(), [])
  })

  onPgPool('reports a failure for a COMMIT that was applied', async (orm) => {
    await errorOf(
      orm.transaction(async (tx) => {
        await tx.insert(1)
        void proxy.loseCommit('answer')
      }),
    )
    assert.deepEqual(await saved(), [1])
  })

  onPgPool('does not say that a COMMIT that never arrived saved nothing', async (orm) => {
    const error = await errorOf(
      orm.transaction(async (tx) => {
        await tx.insert(1)
        void proxy.loseCommit('request')
      }),
    )
    assert.ok(!chain(error).some(hasCode('ConnectionLost', 'not applied', '40001')), String(error))
    assert.deepEqual(await saved(), [])
  })

  const writesLate = name.startsWith('Drizzle')
  onPgPool(`${writesLate ? 'writes' : 'refuses'} what comes after the end of the transaction`, async (orm) => {
    let kept: OrmTransaction | undefined
    await orm.transaction(async (tx) => {
      kept = tx
      await tx.insert(1)
    })
    const late = kept?.insert(2) ?? assert.fail('it was never begun')
    await (writesLate ? late : assert.rejects(late))
    assert.deepEqual(await saved(), writesLate ? [1, 2] : [1])
  })
}

// Longer than the 5 s that Prisma gives a transaction. pg's default is to wait for ever, which no test can.
const patienceMs = 8000

test("on pg's own pool, full, the root handle inside a transaction waits as long as the pool lets it", async () => {
  const ends = Object.entries(libraries).map(async ([name, open], index) => {
    const orm = await open(ownPool({ max: 1, connectionTimeoutMillis: patienceMs }))
    const error = await errorOf(
      orm.transaction(async (tx) => {
        await tx.insert(index)
        await orm.insert(100 + index)
      }),
    )
    await close(orm)
    const told = chain(error).some(({ message }) => message.includes('timeout exceeded when trying to connect'))
    return [name, told ? 'waited' : String(error)]
  })
  assert.deepEqual(
    await Promise.all(ends),
    Object.keys(libraries).map((name) => [name, 'waited']),
  )
})
