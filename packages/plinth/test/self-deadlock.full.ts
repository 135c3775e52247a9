import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase } from '../src/database/database.ts'
import type { Database } from '../src/database/queryable.ts'
import { isPlinthError } from '../src/errors.ts'
import { errorOf } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()

const open = (max: number): Database => createDatabase({ url, pool: { max, sharedLanes: 0, acquireTimeoutMs: 20_000 } })

/** A connection in hand, idle in a transaction where there is one; the result gives it back. */
type Hold = (db: Database) => Promise<() => Promise<unknown>>

const holds: Readonly<Record<string, Hold>> = {
  'db.begin()': async (db) => {
    const tx = await db.begin({ name: 'held' })
    await tx.query('select 1')
    return async () => await tx.rollback()
  },
  'a session': async (db) => {
    const session = await db.session()
    await session.query('select 1')
    return async () => await session[Symbol.asyncDispose]()
  },
  'a client of pgPool()': async (db) => {
    const client = await db.pgPool().connect()
    await client.query('begin')
    await client.query('select 1')
    return async () => {
      await client.query('rollback')
      client.release()
    }
  },
}

for (const [name, hold] of Object.entries(holds)) {
  test(`${name} whose holder waits for its own pool is told so at once`, async () => {
    await using db = open(1)
    // Directly, as its holder would: an async function of its own has a context of its own only behind its first await.
    const end = await hold(db)
    const begun = performance.now()
    const error = await errorOf(db.query('select 2'))
    assert.ok(performance.now() - begun < 3000, `${performance.now() - begun} ms`)
    assert.ok(isPlinthError(error, 'PoolSelfDeadlock'), String(error))
    await end()
    assert.equal((await db.query('select 3')).rowCount, 1)
  })

  test(`${name}: of two holders that wait for their pool one is told, and the other goes on`, async () => {
    await using db = open(2)
    const both = Promise.withResolvers<void>()
    let inside = 0
    const cross = async (): Promise<unknown> => {
      const end = await hold(db)
      if (++inside === 2) both.resolve()
      await both.promise
      try {
        return await db.query('select 2')
      } finally {
        await end()
      }
    }
    const begun = performance.now()
    const results = await Promise.allSettled([cross(), cross()])
    assert.ok(performance.now() - begun < 3000)
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    assert.equal(failed.length, 1)
    assert.ok(isPlinthError(failed[0], 'PoolSelfDeadlock'), String(failed[0]))
  })

  test(`${name}: callers that start together and take turns are no deadlock, however long each pauses`, async () => {
    await using db = open(1)
    const turn = async (): Promise<void> => {
      const end = await hold(db)
      await sleep(900)
      await end()
    }
    await Promise.all([turn(), turn(), turn()])
  })

  test(`${name}: one that waits beside one that only pauses gets the connection of the other`, async () => {
    await using db = open(2)
    const held = async (during: () => Promise<unknown>): Promise<void> => {
      const end = await hold(db)
      await during()
      await end()
    }
    await Promise.all([held(() => sleep(900)), held(() => db.query('select 2'))])
  })

  test(`${name}: who waits after the connection was given back is in nobody's way`, async () => {
    await using db = open(1)
    const end = await hold(db)
    await end()
    const other = db.transaction(async (tx) => {
      await tx.query('select 1')
      await sleep(900)
    })
    await db.query('select 2')
    await other
  })
}
