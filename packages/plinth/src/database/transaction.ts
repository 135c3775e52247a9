import type { Connection } from '../driver/connection.ts'
import type { Holder } from '../driver/holders.ts'
import type { Pool } from '../driver/pool.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import {
  type DatabaseIdentity,
  nextTransactionId,
  type TransactionOutcome,
  type TransactionRef,
} from '../observe/observation.ts'
import { endUnit, startOf, watchOnlyAttempt, watchUnit } from '../observe/watch.ts'
import { captureHolder } from '../driver/call-site.ts'
import type { Named } from './misuse-errors.ts'
import { refuseNested, runInScope } from './context.ts'
import { enterHolding } from './holding.ts'
import { isWrongServer } from './held.ts'
import { Deadline, untilDeadline } from './deadline.ts'
import type { FaultMode } from './fault-mode.ts'
import type { ServerDefaults } from './first-question.ts'
import type { LogPosition } from './log-position.ts'
import type { ResolveCommit } from './lost-commit.ts'
import { answerOnce, type KeyedCall, readIdempotencyKey } from './idempotency.ts'
import type {
  MisuseMode,
  OwnedTransaction,
  OwnedTransactionOptions,
  Transaction,
  TransactionOptions,
} from './queryable.ts'
import { Attempts, readRetry } from './retry.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { TransactionCounts } from './transaction-counts.ts'
import { type BeginRead, TransactionLine } from './transaction-line.ts'
import { TransactionScope } from './transaction-scope.ts'

/** Where transactions get their connection, and what holds for all of them. */
export interface TransactionHome {
  /** Identity of the database, to notice a transaction inside a transaction. */
  readonly database: object
  readonly identity: DatabaseIdentity
  readonly misuse: MisuseMode
  readonly acquire: Pool['acquire']
  /** True when `acquire` would wait for no other caller. */
  readonly isFree: () => boolean
  readonly release: Pool['release']
  /** A server took no write: gives up the connections there are, and looks whether there is another primary. */
  readonly leaveServer: () => void
  readonly statementTimeoutMs: number
  readonly lockTimeoutMs: number
  readonly idleInTransactionTimeoutMs: number
  readonly budget: RetryBudget
  readonly defaults: ServerDefaults
  readonly counts: TransactionCounts
  readonly resolveCommit: ResolveCommit
  readonly faults: FaultMode | undefined
  /** See `LineOptions`. */
  readonly position: LogPosition | undefined
  /** Of a read, for its attempts. See `LineOptions`. */
  readonly beginRead?: (attempt: Holder & TransactionRef, signal: AbortSignal) => BeginRead
}

/** The level is part of BEGIN's text, and not every caller is type-checked. */
const isolationLevels: ReadonlySet<unknown> = new Set(['read committed', 'repeatable read', 'serializable'])

function checkIsolation(level: unknown): void {
  if (level === undefined || isolationLevels.has(level)) return
  throw new PlinthError('InvalidOption', `isolation must be one of ${[...isolationLevels].join(', ')}.`)
}

/** Runs `work` in a transaction, again on conflicts that another run can win, never past the caller's deadline. */
export async function runTransaction<R>(
  home: TransactionHome,
  work: (tx: Transaction) => Promise<R>,
  options: TransactionOptions,
  readOnly: boolean,
): Promise<R> {
  const named = { name: options.name ?? 'transaction', site: captureHolder() }
  refuseNested(home.database, named)
  return runNamed(home, work, options, named, readOnly)
}

/** The same, where it was looked already whether another one is open. */
export async function runNamed<R>(
  home: TransactionHome,
  work: (tx: Transaction) => Promise<R>,
  options: TransactionOptions,
  named: Named,
  readOnly: boolean,
): Promise<R> {
  const { name } = named
  checkIsolation(options.isolation)
  const policy = readRetry(options.retry)
  const keyed = readKey(options, readOnly)
  using deadline = new Deadline(name, options)
  const whole = {
    id: nextTransactionId(),
    ...named,
    attempt: 1,
    deadline,
    isolation: options.isolation,
    readOnly,
    keyed,
  }
  const leftMs = (): number => deadline.at - performance.now()
  const about = { database: home.identity, what: 'transaction', transaction: name } as const
  const { budget, defaults } = home
  const attempts = new Attempts({ policy, budget, leftMs, isolation: options.isolation, defaults, about })
  const from = startOf('transaction', home.identity, whole, readOnly)
  const once = keyed ? (tx: Transaction): Promise<R> => answerOnce(tx, keyed, work) : work
  return await watchUnit('transaction', runAttempts(home, once, whole, attempts), from, home.identity, whole)
}

/** Counts in `whole.attempt`. */
async function runAttempts<R>(
  home: TransactionHome,
  work: (tx: Transaction) => Promise<R>,
  whole: { attempt: number } & Attempt,
  attempts: Attempts,
): Promise<R> {
  for (;;) {
    whole.attempt = attempts.number
    try {
      return await runAttempt(home, work, { ...whole })
    } catch (error) {
      await attempts.next(error, whole.deadline.signal)
      home.counts.retries++
    }
  }
}

interface Attempt extends TransactionRef, Named {
  readonly deadline: Deadline
  readonly isolation: TransactionOptions['isolation']
  readonly readOnly: boolean
  readonly keyed?: KeyedCall | undefined
}

function readKey({ idempotencyKey }: TransactionOptions, readOnly: boolean): KeyedCall | undefined {
  if (idempotencyKey === undefined) return undefined
  if (readOnly) throw new PlinthError('InvalidOption', 'A read has no idempotencyKey: it changes nothing.')
  return readIdempotencyKey(idempotencyKey)
}

async function runAttempt<R>(
  home: TransactionHome,
  work: (tx: Transaction) => Promise<R>,
  attempt: Attempt,
): Promise<R> {
  const from = startOf('attempt', home.identity, attempt, attempt.readOnly)
  const end = (outcome: TransactionOutcome, error?: unknown): void =>
    endUnit('attempt', from, home.identity, attempt, outcome, error)
  const connection = await acquire(home, attempt).catch((error) => {
    end('rolled back', error)
    throw error
  })
  const { line, scope } = open(home, connection, attempt)
  let result: R
  try {
    result = await untilDeadline(
      runInScope(scope, () => work(scope.handle)),
      attempt.deadline.signal,
    )
    await commit(home, line, scope)
  } catch (error) {
    await rollback(line, scope)
    // What a library threw on tx.pg is pg's own error; the scope knows ours.
    if (isWrongServer(error) || isWrongServer(scope.firstFailure)) home.leaveServer()
    home.release(line.connection)
    end('rolled back', error)
    await scope.runHooks()
    throw error
  }
  home.release(line.connection)
  end('committed')
  await scope.runHooks()
  return result
}

/** A transaction of `db.begin()` that its deadline ends so soon frees its connection before most waiters give up. */
const endsSoonMs = 5000

/** The owner's form. The deadline runs until commit or rollback, and rolls back when it passes. */
export async function beginTransaction(
  home: TransactionHome,
  options: OwnedTransactionOptions,
  readOnly = false,
): Promise<OwnedTransaction> {
  const name = options.name ?? 'transaction'
  checkIsolation(options.isolation)
  const named = { name, site: captureHolder() }
  refuseNested(home.database, named)
  const deadline = new Deadline(name, options)
  const only = {
    id: nextTransactionId(),
    ...named,
    attempt: 1,
    deadline,
    isolation: options.isolation,
    readOnly,
  }
  const observeEnd = watchOnlyAttempt(home.identity, only, readOnly)
  const holding = enterHolding(only)
  const connection = await acquire(home, only).catch((error) => {
    deadline[Symbol.dispose]()
    holding.end()
    observeEnd('rolled back', error)
    throw error
  })
  // A stream gives its connection back by itself when nobody reads on.
  if (!readOnly && deadline.at - performance.now() > endsSoonMs) holding.begin()
  const { line, scope } = open(home, connection, only)

  let ended = false
  const finish = async (end: () => Promise<void>, ending: 'committed' | 'rolled back'): Promise<void> => {
    if (ended) throw alreadyEnded(name, deadline.signal.reason)
    ended = true
    try {
      await end()
      observeEnd(ending)
    } catch (error) {
      observeEnd('rolled back', error)
      throw error
    } finally {
      deadline[Symbol.dispose]()
      holding.end()
      if (isWrongServer(scope.firstFailure)) home.leaveServer()
      // Before the hooks: one of them may need a connection, and this may be the only one.
      home.release(line.connection)
      await scope.runHooks()
    }
  }
  const undo = (): Promise<void> => finish(() => rollback(line, scope), 'rolled back')
  const commitOwned = (): Promise<void> => finish(() => commitOrRollBack(home, line, scope), 'committed')
  const undoIfOpen = async (): Promise<void> => (ended ? undefined : undo())
  deadline.signal.addEventListener('abort', () => void undoIfOpen(), { once: true })
  if (deadline.signal.aborted) void undoIfOpen()
  const owned = { ...scope.handle, commit: commitOwned, rollback: undo, [Symbol.asyncDispose]: undoIfOpen }
  // As for Transaction: the brand is the type checker's alone.
  return owned as unknown as OwnedTransaction
}

function alreadyEnded(name: string, cause: unknown): PlinthError {
  return new PlinthError('TransactionClosed', `"${name}" was committed or rolled back before.`, {
    transaction: name,
    phase: 'commit',
    cause,
  })
}

async function commitOrRollBack(home: TransactionHome, line: TransactionLine, scope: TransactionScope): Promise<void> {
  try {
    await commit(home, line, scope)
  } catch (error) {
    await rollback(line, scope)
    throw error
  }
}

function open(
  home: TransactionHome,
  connection: Connection,
  attempt: Attempt,
): { line: TransactionLine; scope: TransactionScope } {
  const { id, name, isolation, readOnly, deadline } = attempt
  const { statementTimeoutMs, lockTimeoutMs, resolveCommit, counts, defaults, position } = home
  const times = {
    statementTimeoutMs,
    lockTimeoutMs,
    resolveCommit,
    counts,
    defaults,
    position,
    beginRead: home.beginRead?.(attempt, deadline.signal),
    deadline: deadline.at,
    signal: deadline.signal,
  }
  const proof = attempt.keyed?.proof
  const about = { id, name, attempt: attempt.attempt, isolation, readOnly, proof }
  const line = new TransactionLine(connection, { ...about, ...times })
  return { line, scope: new TransactionScope(line, home.database, attempt) }
}

async function commit({ faults }: TransactionHome, line: TransactionLine, scope: TransactionScope): Promise<void> {
  await scope.closeGate()
  try {
    await (faults ? faults.commit(line) : line.commit())
  } catch (error) {
    if (isPlinthError(error) && error.outcome === 'unknown') scope.end('unknown')
    throw error
  }
  scope.end('committed')
}

async function rollback(line: TransactionLine, scope: TransactionScope): Promise<void> {
  await scope.settle()
  await line.rollback()
  scope.end('rolled back')
}

async function acquire(home: TransactionHome, attempt: Attempt): Promise<Connection> {
  const { signal } = attempt.deadline
  signal.throwIfAborted()
  return home.acquire(attempt, signal, attempt)
}
