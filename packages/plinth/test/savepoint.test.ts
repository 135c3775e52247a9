import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Transaction } from '../src/index.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 2, sharedLanes: 0 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)
const insert = (tx: Transaction, id: number): Promise<unknown> => tx.query('insert into t values ($1)', [id])
const fails = async (tx: Transaction, id: number): Promise<void> => {
  await insert(tx, id)
  throw new Error('mine')
}

test('what a savepoint did is undone when it throws, and the transaction goes on', async () => {
  await db.transaction(async (tx) => {
    await insert(tx, 1)
    await assert.rejects(
      tx.savepoint((sp) => fails(sp, 2)),
      { message: 'mine' },
    )
    await assert.rejects(
      tx.savepoint((sp) => insert(sp, 1)),
      { code: 'UniqueViolation' },
    )
    assert.equal(await tx.savepoint(async (sp) => (await insert(sp, 3), 'result')), 'result')
    await insert(tx, 4)
  })
  assert.deepEqual(await saved(), [1, 3, 4])
})

test('savepoints nest', async () => {
  await db.transaction(async (tx) => {
    await tx.savepoint(async (outer) => {
      await insert(outer, 1)
      await assert.rejects(outer.savepoint((inner) => fails(inner, 2)))
      await outer.savepoint((inner) => insert(inner, 3))
      await outer.savepoint(async () => undefined)
    })
    await assert.rejects(
      tx.savepoint(async (outer) => {
        await outer.savepoint((inner) => insert(inner, 4))
        throw new Error('mine')
      }),
    )
  })
  assert.deepEqual(await saved(), [1, 3])
})

test('savepoints and statements started together do not mix', async () => {
  await db.transaction(async (tx) => {
    await Promise.allSettled([
      insert(tx, 1),
      tx.savepoint((sp) => fails(sp, 2)),
      insert(tx, 3),
      tx.savepoint((sp) => Promise.all([insert(sp, 4), insert(sp, 5)])),
      tx.savepoint((sp) => fails(sp, 6)),
      insert(tx, 7),
    ])
  })
  assert.deepEqual(await saved(), [1, 3, 4, 5, 7])
})

test('a savepoint as the very first thing, beside a statement, keeps the order', async () => {
  await db.transaction(async (tx) => {
    await Promise.allSettled([tx.savepoint((sp) => fails(sp, 1)), insert(tx, 2)])
  })
  assert.deepEqual(await saved(), [2])
})

test('the handle around a savepoint, used inside it, is refused instead of waiting for ever', async () => {
  await db.transaction(async (tx) => {
    await tx.savepoint(async (sp) => {
      await assert.rejects(insert(tx, 1), { code: 'SavepointOpen' })
      await assert.rejects(
        tx.savepoint(async () => 1),
        { code: 'SavepointOpen' },
      )
      await sp.savepoint(async (inner) => {
        await assert.rejects(insert(tx, 1), { code: 'SavepointOpen' })
        await assert.rejects(insert(sp, 1), { code: 'SavepointOpen' })
        await insert(inner, 2)
      })
    })
  })
  assert.deepEqual(await saved(), [2])
})

test('an error swallowed inside a savepoint undoes the savepoint, and only that', async () => {
  await db.transaction(async (tx) => {
    await insert(tx, 1)
    const error = await errorOf(
      tx.savepoint(async (sp) => {
        await insert(sp, 2)
        await insert(sp, 1).catch(() => undefined)
      }),
    )
    assert.ok(isPlinthError(error, 'TransactionAborted'))
    assert.ok(isPlinthError(error.cause, 'UniqueViolation'))
    await insert(tx, 3)
  })
  assert.deepEqual(await saved(), [1, 3])
})

test('a statement of a savepoint nobody waited for undoes it', async () => {
  await db.transaction(async (tx) => {
    await assert.rejects(
      tx.savepoint(async (sp) => void insert(sp, 1)),
      { code: 'FloatingStatement' },
    )
  })
  assert.deepEqual(await saved(), [])
})

test('the hooks of a savepoint are those of the transaction when it is released, and its own when it is undone, and all wait for the end', async () => {
  const ran: string[] = []
  await db.transaction(async (tx) => {
    await tx.savepoint(async (sp) => {
      sp.afterCommit(() => void ran.push('released'))
      sp.afterRollback(() => void ran.push('never'))
    })
    await tx
      .savepoint(async (sp) => {
        sp.afterCommit(() => void ran.push('dropped'))
        sp.afterRollback(() => void ran.push('undone'))
        await sp.savepoint(async (inner) => inner.afterCommit(() => void ran.push('dropped with the outer one')))
        throw new Error('mine')
      })
      .catch(() => undefined)
    ran.push('end of work')
  })
  assert.deepEqual(ran, ['end of work', 'undone', 'released'])
})

test('a savepoint whose callback never ends does not outlive the deadline', async () => {
  const never = new Promise<never>(() => undefined)
  await assert.rejects(
    db.transaction((tx) => tx.savepoint(async (sp) => (await insert(sp, 1), await never)), { timeoutMs: 200 }),
    { code: 'TransactionTimeout' },
  )
  assert.deepEqual(await saved(), [])
  assert.equal(await db.transaction(async () => 'free again'), 'free again')
})

test('a savepoint handle is dead after its end', async () => {
  await db.transaction(async (tx) => {
    const handles: Transaction[] = []
    await tx.savepoint(async (sp) => void handles.push(sp))
    await assert.rejects(insert(handles[0] as Transaction, 1), { code: 'TransactionClosed' })
  })
})
