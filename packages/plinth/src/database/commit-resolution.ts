import type { StepAnswer } from '../driver/exchange.ts'
import { isServerError } from '../driver/peer.ts'
import { isPlinthError } from '../errors.ts'
import { delayMs, pause } from './backoff.ts'
import { incarnation, type TransactionIdentity } from './commit-witness.ts'
import { isFailure } from './held.ts'
import type { ReservedConnection } from './reserved-connection.ts'

/** What became of a COMMIT whose answer was lost. `why` completes "It is not known because …". */
export type CommitFate = { readonly kind: 'committed' | 'rolled back' } | Unknown

interface Unknown {
  readonly kind: 'unknown'
  readonly why: string
  readonly cause?: unknown
  /** Asked again, the server would say the same. */
  readonly isFinal?: true
}

/** Looks for a row that only this transaction can have written; see `idempotencyKey`. */
export type RowProof = (reserved: ReservedConnection) => Promise<boolean>

/** Another try soon: the server restarts, or the fenced backend is just ending. */
const askAgain = { baseMs: 50, factor: 2, capMs: 500 } as const

const questionLimitMs = 2000
/** Answered out of the server's memory: a longer silence must not use up the time for asking on a new connection. */
const firstWithinMs = 1000

/**
 * Asks the server what became of a transaction, until it says so or `deadline` (of performance.now()) has passed.
 *
 * | incarnation | pg_xact_status | fate |
 * |---|---|---|
 * | the same | committed | committed |
 * | the same | aborted | rolled back |
 * | the same | in progress | its backend is ended, then asked again; unknown where it waits for a standby |
 * | another | aborted, in the future | rolled back: the id was lost, and perhaps given to somebody else |
 * | another | in progress | asked again until it has ended |
 * | another | committed, and a row can prove it | committed where the row is there, else rolled back |
 * | another | committed | unknown: it may be somebody else's |
 * | any | null: too long ago | unknown |
 */
export async function resolveCommit(
  reserved: ReservedConnection,
  identity: TransactionIdentity,
  deadline: number,
  proof?: RowProof,
): Promise<CommitFate> {
  let last: CommitFate = noAnswer
  for (let attempt = 1; performance.now() < deadline; attempt++) {
    try {
      last = (await beforeDeadline(ask(reserved, identity, proof), deadline)) ?? last
      if (last.kind !== 'unknown' || last.isFinal) return last
    } catch (failure) {
      const cause = isFailure(failure) ? failure.error : failure
      if (isPlinthError(cause, 'DatabaseClosed')) return { kind: 'unknown', why: 'the database was closed', cause }
      last = { kind: 'unknown', why: 'the server could not be asked', cause }
    }
    await pause(Math.min(delayMs(askAgain, attempt), Math.max(0, deadline - performance.now())))
  }
  return last
}

const noAnswer: Unknown = { kind: 'unknown', why: 'the server did not answer in time' }
const tooLongAgo: Unknown = {
  kind: 'unknown',
  why: 'it ended too long ago for the server to remember',
  isFinal: true,
}
const perhapsReissued: Unknown = {
  kind: 'unknown',
  why: 'the server crashed or failed over, and its transaction id may have been given to another since',
  isFinal: true,
}

async function ask(
  reserved: ReservedConnection,
  identity: TransactionIdentity,
  proof: RowProof | undefined,
): Promise<CommitFate> {
  const { mark, status } = await statusOf(reserved, identity)
  if (mark === null) return { kind: 'unknown', why: 'the server is a standby now' }
  if (status === null) return tooLongAgo
  if (mark !== identity.incarnation) return afterRecovery(reserved, status, proof)
  if (status === 'committed') return { kind: 'committed' }
  if (status === 'aborted') return { kind: 'rolled back' }
  return fence(reserved, identity)
}

async function afterRecovery(
  reserved: ReservedConnection,
  status: string,
  proof: RowProof | undefined,
): Promise<CommitFate> {
  // Somebody else's now, or its own after somebody reset the statistics: when it has ended, the answer is one below.
  if (status === 'in progress') return { kind: 'unknown', why: 'a transaction with its id was in progress' }
  if (status !== 'committed') return { kind: 'rolled back' }
  if (!proof) return perhapsReissued
  return { kind: (await proof(reserved)) ? 'committed' : 'rolled back' }
}

async function statusOf(
  reserved: ReservedConnection,
  { xid }: TransactionIdentity,
): Promise<{ readonly mark: string | null; readonly status: string | null }> {
  const text = `select ${incarnation}, case when pg_is_in_recovery() then 'standby' else pg_xact_status($1::xid8) end`
  try {
    const [mark = null, status = null] = firstRow(
      await reserved.run([{ text, values: [xid] }], questionLimitMs, { firstWithinMs }),
    )
    return { mark, status }
  } catch (failure) {
    // 22023: "transaction ID … is in the future": the server has lost the id, and the transaction with it.
    if (!isFailure(failure) || !isServerError(failure.error) || failure.error.code !== '22023') throw failure
    return { mark: 'lost', status: 'in the future' }
  }
}

/**
 * Behind a half-open connection the backend still waits for a COMMIT that will never come, or is just carrying it out.
 * Ended, it does one or the other. One that waits for a synchronous standby has committed already, and ending it would
 * call an unreplicated transaction saved.
 */
async function fence(reserved: ReservedConnection, identity: TransactionIdentity): Promise<CommitFate> {
  const { processId, xid } = identity
  const text = `select wait_event,
      case when wait_event is distinct from 'SyncRep' then pg_terminate_backend(pid) end
    from pg_stat_activity where pid = $1 and backend_xid = ($2::numeric % 4294967296)::text::xid`
  const [waitsFor] = firstRow(
    await reserved.run([{ text, values: [String(processId), xid] }], questionLimitMs, { firstWithinMs }),
  )
  const why = waitsFor === 'SyncRep' ? 'it waits for a synchronous standby' : 'it was still in progress'
  return { kind: 'unknown', why }
}

function firstRow(answers: readonly StepAnswer[]): readonly (string | null)[] {
  return answers[0]?.rows[0] ?? []
}

/** Undefined when the deadline comes first. */
async function beforeDeadline<R>(work: Promise<R>, deadline: number): Promise<R | undefined> {
  const ended = new AbortController()
  try {
    return await Promise.race([
      work,
      pause(Math.max(0, deadline - performance.now()), ended.signal).then(() => undefined),
    ])
  } finally {
    ended.abort()
    work.catch(() => undefined)
  }
}
