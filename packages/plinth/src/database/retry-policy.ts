import { PlinthError } from '../errors.ts'
import { isStaleError } from './held.ts'
import type { IsolationLevel } from './queryable.ts'

/**
 * What to do with work that failed and is known not to be applied.
 *
 * | verdict | the work runs again |
 * |---|---|
 * | at once | without a delay and at no cost to the budget: nothing of it had run |
 * | again | after a delay with full jitter, as often as there are attempts |
 * | again once | the same, a single time; then the error stands |
 * | when asked | if `retry.retryable(error)` says so |
 * | never | not even then: it fails the same way, or would be a second write |
 */
export type Verdict = 'at once' | 'again' | 'again once' | 'when asked' | 'never'

interface RetryRule {
  /** SQLSTATEs, classes of them (two characters), and codes of ours for what has none. */
  readonly on: readonly string[]
  readonly run: Verdict
  /** Only for transactions that read one snapshot throughout. */
  readonly snapshotOnly?: true
}

/**
 * docs/guides/transactions.md shows this table to users; PostgreSQL 18, Appendix A and section 13.5. A rule for a whole
 * SQLSTATE comes before one for its class, whatever their order. What no rule names is run again when asked.
 */
const rules: readonly RetryRule[] = [
  // Another transaction won; a fresh snapshot can. 40001 also comes at COMMIT, and from a recovery conflict.
  { on: ['40001', '40P01', '72000'], run: 'again' },
  // The same rows fail the same constraint again; and what 40003 did is not known, so the commit is resolved instead.
  { on: ['40002', '40003'], run: 'never' },
  // 13.5: under a snapshot a duplicate may be a serialization failure in disguise. A real one fails twice.
  { on: ['23505', '23P01'], run: 'again once', snapshotOnly: true },
  // Before COMMIT was sent the server has rolled back for sure. After it the outcome is unknown, and not asked here.
  { on: ['08', '57P01', '57P02', 'ConnectionLost'], run: 'again' },
  // The connection had idled too long; nothing was open on it.
  { on: ['57P05'], run: 'again' },
  // Not the primary any more; 25006 itself is pg's own error, from tx.pg. Inside db.read the same SQLSTATE has the code
  // WriteInReadTransaction.
  { on: ['ReadOnlyServer', '25006'], run: 'again' },
  { on: ['WriteInReadTransaction'], run: 'never' },
  // Out of memory for this moment; out of disk or of a configured limit for longer.
  { on: ['53200'], run: 'again once' },
  { on: ['53100', '53400'], run: 'never' },
  // Trying to connect again is the connecting layer's, once for all callers; here the transaction may hold a
  // connection.
  { on: ['ConnectionFailed', 'ServerOverloaded', 'AuthenticationFailed', 'DatabaseClosed'], run: 'never' },
  // A lock that is held, an object in use, a time limit: whether waiting again is worth it only the caller knows.
  { on: ['55P03', '55006', '57014'], run: 'when asked' },
  // Our own limits on a transaction that idled or took too long: it would again.
  { on: ['25P03', '25P04', 'TransactionTimeout'], run: 'never' },
  // The statement, the data, the login or the server is at fault, and stays so.
  { on: ['57P04', '08P01', '22', '23', '28', '3D', '42', '54', '58', 'XX'], run: 'never' },
]

/** `isolation`: of the transaction, by itself or by the server's default; undefined where that is read committed. */
export function verdictOn(error: unknown, isolation: IsolationLevel | undefined): Verdict {
  const failure = rootFailure(error)
  if (!failure) return 'when asked'
  if (failure.isUnknown) return 'never'
  if (failure.isStale) return 'at once'
  const hasSnapshot = isolation === 'repeatable read' || isolation === 'serializable'
  for (const key of failure.keys) {
    const rule = rules.find((one) => one.on.includes(key) && (hasSnapshot || !one.snapshotOnly))
    if (rule) return rule.run
  }
  return 'when asked'
}

interface Failure {
  /** Most exact first. */
  readonly keys: readonly string[]
  readonly isUnknown: boolean
  readonly isStale: boolean
}

/** An ORM wraps what it is given, and an aborted transaction stands for the failure that aborted it. */
function rootFailure(error: unknown): Failure | undefined {
  let cause = error
  for (let depth = 0; depth < 8 && cause instanceof Error; depth++) {
    const failure = failureOf(cause)
    if (failure) return failure
    cause = cause.cause
  }
  return undefined
}

function failureOf(error: Error): Failure | undefined {
  if (error instanceof PlinthError) {
    const { code, sqlstate, outcome } = error
    if (code === 'TransactionAborted' && error.cause !== undefined) return undefined
    const states = sqlstate === undefined ? [] : [sqlstate]
    const classes = states.map((state) => state.slice(0, 2))
    // 25006 has two codes, by what the transaction promised, and PgBouncer ends every connection with 08P01; every
    // other code is told apart better by its SQLSTATE.
    const isByCode = sqlstate === '25006' || (sqlstate === '08P01' && code === 'ConnectionLost')
    const keys = isByCode ? [code] : [...states, code, ...classes]
    return { keys, isUnknown: outcome !== 'not applied', isStale: isStaleError(error) }
  }
  const state = 'code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : ''
  const isEndOfConnection = state === '08P01' && 'severity' in error && error.severity === 'FATAL'
  const keys = isEndOfConnection ? ['ConnectionLost'] : [state, state.slice(0, 2)]
  return state === '' ? undefined : { keys, isUnknown: false, isStale: false }
}
