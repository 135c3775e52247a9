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

const identities = new WeakMap<object, DatabaseIdentity>()

/** Called once by the maker of a database. */
export function remember(db: object, identity: DatabaseIdentity): void {
  identities.set(db, identity)
}

/** Whose observations are those of this database; undefined for one that somebody else made. */
export function identityOf(db: Database): DatabaseIdentity | undefined {
  return identities.get(db)
}
