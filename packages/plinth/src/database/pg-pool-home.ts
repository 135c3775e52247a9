import type { PgPoolHome, TransactionRecord } from '../pg-pool/home.ts'
import { createPgPool } from '../pg-pool/pool.ts'
import { observe } from '../observe/observation.ts'
import { CommitWitness } from './commit-witness.ts'
import { guardRootHandle } from './context.ts'
import { isRead } from './lane-choice.ts'
import { settleLostCommit } from './lost-commit.ts'
import { enterHolding } from './holding.ts'
import type { Homes } from './homes.ts'

/**
 * The ground of `db.pgPool()`: the exclusive lanes, and the same care for a lost COMMIT as for our own transactions.
 */
export function openPgPool(homes: Homes): ReturnType<typeof createPgPool> {
  return createPgPool(pgPoolHome(homes))
}

function pgPoolHome({ pool, singles, transactions }: Homes): PgPoolHome {
  const { identity, counts, acquire, release, resolveCommit: resolve, statementTimeoutMs, leaveServer } = transactions
  const openTransaction = (): TransactionRecord => {
    const name = 'transaction'
    const witness = new CommitWitness(true)
    const settleLost = (cause: unknown, isSerializable: boolean): Promise<void> => {
      const isolation = isSerializable ? 'serializable' : transactions.defaults.isolation
      return settleLostCommit({
        database: identity,
        counts,
        name,
        attempt: 1,
        witness,
        resolve,
        isolation,
        cause,
        deadline: performance.now(),
      })
    }
    return { name, witness, settleLost }
  }
  const noteWrite = (text: string): void => {
    if (!isRead(text)) transactions.position?.noteMissed()
  }
  const noteUnknown = (transaction: string): void => {
    counts.commitsUnknown++
    observe({ kind: 'commit.unknown', database: identity, transaction, why: 'its end was not a COMMIT alone', ms: 0 })
  }
  const refuseInside = (): void => guardRootHandle(transactions)
  return {
    identity,
    acquire,
    release,
    statementTimeoutMs,
    pingAfterMs: singles.pingAfterMs,
    leaveServer,
    refuseInside,
    enterHolding,
    counts: () => pool.counts,
    openTransaction,
    noteWrite,
    noteUnknown,
  }
}
