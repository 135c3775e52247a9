import type { Queryable, Transaction } from './queryable.ts'

/** On the handle of a transaction: what it was begun on. Not on the type, for a service must not reach around `tx`. */
export const origin: unique symbol = Symbol('plinth.origin')

/** The database or session that `tx` was begun on, for work after its commit. */
export function databaseOf(tx: Transaction): Queryable {
  const at: unknown = Reflect.get(tx, origin)
  // Set in transaction-scope.ts, the only place that makes a Transaction.
  return at as Queryable
}
