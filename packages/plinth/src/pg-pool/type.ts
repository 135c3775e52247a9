import type { Pool, PoolClient } from 'pg'

export type { Pool }

/**
 * A client of pg's that is its own pool of one, for libraries that ask for a client and for those that ask for a pool.
 */
export type TransactionClient = PoolClient & {
  readonly options: Pool['options']
  connect(): Promise<PoolClient>
  end(): Promise<void>
}
