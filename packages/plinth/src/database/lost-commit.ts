import { PlinthError } from '../errors.ts'
import { type DatabaseIdentity, observe } from '../observe/observation.ts'
import type { CommitFate, RowProof } from './commit-resolution.ts'
import type { CommitWitness, TransactionIdentity } from './commit-witness.ts'
import type { IsolationLevel } from './queryable.ts'
import type { TransactionCounts } from './transaction-counts.ts'

/** Finds out what became of a COMMIT whose answer was lost, by `deadline` of performance.now(). */
export type ResolveCommit = (identity: TransactionIdentity, deadline: number, proof?: RowProof) => Promise<CommitFate>

/**
 * A COMMIT is given this long beyond the deadline, and finding out about a lost one as long again: to call a saved
 * transaction unknown costs its caller more than to wait.
 */
export const commitGraceMs = 5000

export interface LostCommit {
  readonly database: DatabaseIdentity
  readonly name: string
  readonly attempt: number
  readonly isolation?: IsolationLevel | undefined
  /** performance.now() at which the whole transaction must have ended. */
  readonly deadline: number
  readonly witness: CommitWitness
  readonly counts: TransactionCounts
  readonly resolve: ResolveCommit
  readonly proof?: RowProof | undefined
  /** How the answer was lost. */
  readonly cause: unknown
}

/**
 * Resolves when the lost COMMIT is known to have been applied, or had nothing to apply. Rejects with ConnectionLost
 * when nothing was saved, and with CommitUnknown when nobody can tell.
 */
export async function settleLostCommit(lost: LostCommit): Promise<void> {
  const { database, name, deadline, isolation, witness } = lost
  const { identity, hasWrittenNothing } = witness
  // Under serializable the COMMIT could have failed all the same, and what was read with it.
  if (hasWrittenNothing && isolation !== 'serializable') return
  if (hasWrittenNothing) throw notApplied(lost)
  const from = performance.now()
  const fate = identity ? await lost.resolve(identity, Math.max(deadline, from) + commitGraceMs, lost.proof) : nameless
  const ms = performance.now() - from
  if (fate.kind === 'unknown') {
    lost.counts.commitsUnknown++
    observe({ kind: 'commit.unknown', database, transaction: name, why: fate.why, ms })
    throw unknown(lost, fate)
  }
  lost.counts.commitsResolved++
  observe({ kind: 'commit.resolved', database, transaction: name, isCommitted: fate.kind === 'committed', ms })
  if (fate.kind === 'rolled back') throw notApplied(lost)
}

/** The transaction may be run again: the server has nothing of it. */
function notApplied({ name, attempt, cause }: LostCommit): PlinthError {
  return new PlinthError('ConnectionLost', `The connection broke before "${name}" was committed: nothing was saved.`, {
    transaction: name,
    phase: 'commit',
    outcome: 'not applied',
    retryable: true,
    attempts: attempt,
    cause,
  })
}

const nameless = { kind: 'unknown', why: 'the server had not told the id of the transaction' } as const

function unknown(lost: LostCommit, fate: { readonly why: string; readonly cause?: unknown }): PlinthError {
  const { name, attempt, witness, cause } = lost
  const message = `The connection broke while "${name}" was committing. Whether it is saved is not known: ${fate.why}.`
  return new PlinthError('CommitUnknown', message, {
    transaction: name,
    phase: 'commit',
    outcome: 'unknown',
    attempts: attempt,
    cause: fate.cause ?? cause,
    hint: 'Look for a row that only it writes before you run it again.',
    ...(witness.identity ? { transactionId: witness.identity.xid } : {}),
  })
}
