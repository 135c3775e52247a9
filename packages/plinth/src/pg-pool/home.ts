import type { Connection } from '../driver/connection.ts'
import type { Pool } from '../driver/pool.ts'
import type { DatabaseIdentity } from '../observe/observation.ts'
import type { CommitWitness } from '../database/commit-witness.ts'
import type { Holding } from '../database/holding.ts'

/** What the pool for other libraries stands on. */
export interface PgPoolHome {
  readonly identity: DatabaseIdentity
  readonly acquire: Pool['acquire']
  readonly release: (connection: Connection) => void
  /** Throws where a connection of its own would be a mistake: inside a transaction of the same database. */
  readonly refuseInside: () => void
  /** Lets the pool see who waits for it with a client in hand. */
  readonly enterHolding: (holder: object) => Holding
  readonly openTransaction: () => TransactionRecord
  /** Hears the text of what ended outside of a transaction, COMMIT among it. */
  readonly noteWrite: (text: string) => void
  /** Hears of an end of a transaction that nobody can be asked about. */
  readonly noteUnknown: (transaction: string) => void
  readonly counts: () => Pool['counts']
  readonly statementTimeoutMs: number
  /** A connection that was idle for longer is asked whether it lives before the first statement on it. */
  readonly pingAfterMs: number
  /** Gives up the connections nobody uses: they may lead to a server that is not the primary any more. */
  readonly leaveServer: () => void
}

/** A transaction that somebody else's BEGIN opened, as far as its end needs to know it. */
export interface TransactionRecord {
  readonly name: string
  readonly witness: CommitWitness
  /** Resolves when a COMMIT whose answer was lost was applied; rejects with what became of it otherwise. */
  settleLost(cause: unknown, isSerializable: boolean): Promise<void>
}
