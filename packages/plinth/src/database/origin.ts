import type { DatabaseIdentity } from '../observe/observation.ts'
import type { Database, Queryable, Transaction } from './queryable.ts'

/** On the handle of a transaction: what it was begun on. Not on the type, for a service must not reach around `tx`. */
export const origin: unique symbol = Symbol('plinth.origin')

/** The database or session that `tx` was begun on, for work after its commit. */
export function databaseOf(tx: Transaction): Queryable {
  const at: unknown = Reflect.get(tx, origin)
  // Set in transaction-scope.ts, the only place that makes a Transaction.
  return at as Queryable
}

/** On a database: whose observations these are. Not on the type, for it says nothing that its maker does not know. */
export const identity: unique symbol = Symbol('plinth.identity')

export function identityOf(db: Database): DatabaseIdentity {
  const own: unknown = Reflect.get(db, identity)
  // Set in database.ts, the only place that makes a Database.
  return own as DatabaseIdentity
}
