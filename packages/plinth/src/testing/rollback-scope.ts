import type { Database, Transaction } from '../database/queryable.ts'
import { PlinthError } from '../errors.ts'

/**
 * Runs the body of a test in a transaction that is always rolled back: it sees its own writes, and the next test sees
 * none of them. What the body returns or throws comes out. Code under test that begins transactions itself needs a
 * database of its own instead: `createTestDatabase`.
 *
 *     await inRollback(db, async (tx) => {
 *       const order = await createOrder(tx, { lines: 2 })
 *       assert.equal(order.total, 20)
 *     })
 */
export async function inRollback<R>(db: Database, body: (tx: Transaction) => Promise<R>): Promise<R> {
  let result: { readonly value: R } | undefined
  // Nobody's failure: it leaves the transaction's callback so that everything is rolled back.
  const undo = new PlinthError('Cancelled', 'The test has ended, and what it wrote is rolled back.')
  try {
    await db.transaction(
      async (tx) => {
        result = { value: await body(tx) }
        throw undo
      },
      { name: 'inRollback', retry: { attempts: 1 } },
    )
  } catch (error) {
    if (error === undo && result) return result.value
    throw error
  }
  throw undo
}
