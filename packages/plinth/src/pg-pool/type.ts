import type { Pool, PoolClient } from 'pg'

export type { Pool }

/**
 * A client of pg's that is a pool too, for libraries that ask for a client and for those that ask for a pool. What its
 * clients begin at the same time runs one after the other.
 */
export type TransactionClient = {
  readonly options: Pool['options']
  connect(): Promise<PoolClient>
  end(): Promise<void>
} & PoolClient
