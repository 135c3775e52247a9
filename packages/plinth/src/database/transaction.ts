import type { Connection } from '../driver/connection.ts'
import type { Holder } from '../driver/holders.ts'
import type { Interruption } from '../driver/interruption.ts'
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
import { answerOnce, type KeyedCall, readIdempotencyKey } from './idempotency.ts'
import type {
  MisuseMode,
  OwnedTransaction,
  OwnedTransactionOptions,
  Transaction,
  TransactionOptions,
} from './queryable.ts'
import { Attempts, readRetry, type RetryPolicy } from './retry.ts'
import type { RetryBudget } from './retry-budget.ts'
import { createOwnedHandle } from './transaction-handle.ts'
import { checkIsolation } from './statement.ts'
import { TransactionLine } from './transaction-line.ts'
import { TransactionScope } from './transaction-scope.ts'
import { type BeginRead, TransactionWire, type WireHome } from './transaction-wire.ts'

/** Where transactions get their connection, and what holds for all of them. */
export interface TransactionHome extends WireHome {
  /** Identity of the database, to notice a transaction inside a transaction. */
  readonly database: object
  readonly identity: DatabaseIdentity
  readonly misuse: MisuseMode
  /** True when `acquire` would wait for no other caller. */
  readonly isFree: () => boolean
  /** True when a session has lost its one connection: running again could only fail again, and only later. */
  readonly isGone?: () => boolean
  /** A server took no write: gives up the connections there are, and looks whether there is another primary. */
  readonly leaveServer: () => void
  readonly idleInTransactionTimeoutMs: number
  readonly budget: RetryBudget
  readonly faults: FaultMode | undefined
  /** Of a read, for its attempts. See `BeginRead`. */
  readonly beginRead?: (attempt: Holder & TransactionRef, signal: Interruption) => BeginRead
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
  return await runNamed(home, work, options, named, readOnly)
}

/** The same, where it was looked already whether another one is open. */
export async function runNamed<R>(
  home: TransactionHome,
  work: (tx: Transaction) => Promise<R>,
  options: TransactionOptions,
  named: Named,
  readOnly: boolean,
): Promise<R> {
  checkIsolation(options.isolation)
  const retry = readRetry(options.retry)
  const keyed = readKey(options, readOnly)
  using deadline = new Deadline(named.name, options)
  const whole = firstAttempt(named, options, deadline, readOnly, keyed)
  const from = startOf('transaction', home.identity, whole, readOnly)
  const once = keyed ? (tx: Transaction): Promise<R> => answerOnce(tx, keyed, work) : work
  return await watchUnit('transaction', runAttempts(home, once, whole, retry), from, home.identity, whole)
}

function attemptsOf(home: TransactionHome, { name, deadline, isolation }: Attempt, policy: RetryPolicy): Attempts {
  const { budget, defaults, identity } = home
  const leftMs = (): number => deadline.at - performance.now()
  const about = { database: identity, what: 'transaction', transaction: name } as const
  return new Attempts({ policy, budget, leftMs, isolation, defaults, about })
}

/** Counts in `whole.attempt`. */
async function runAttempts<R>(
  home: TransactionHome,
  work: (tx: Transaction) => Promise<R>,
  whole: { attempt: number } & Attempt,
  policy: RetryPolicy,
): Promise<R> {
  const { deadline } = whole
  home.budget.noteCall()
  let attempts: Attempts | undefined
  for (;;) {
    try {
      return await runAttempt(home, work, { ...whole })
    } catch (error) {
      if (home.isGone?.()) throw error
      attempts ??= attemptsOf(home, whole, policy)
      await attempts.next(error, deadline.signal)
      whole.attempt = attempts.number
      home.counts.retries++
    }
  }
}

interface Attempt extends TransactionRef, Named {
  readonly deadline: Deadline
  readonly isolation: TransactionOptions['isolation']
  readonly readOnly: boolean
  readonly keyed: KeyedCall | undefined
}

function firstAttempt(
  { name, site, isIndependent = false }: Named,
  { isolation }: TransactionOptions,
  deadline: Deadline,
  readOnly: boolean,
  keyed?: KeyedCall,
): { attempt: number } & Attempt {
  return { id: nextTransactionId(), name, site, isIndependent, attempt: 1, deadline, isolation, readOnly, keyed }
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
  let connection: Connection
  try {
    connection = await acquire(home, attempt)
  } catch (error) {
    end('rolled back', error)
    throw error
  }
  const { line, scope } = open(home, connection, attempt)
  let result: R
  try {
    result = await untilDeadline(
      runInScope(scope, () => work(scope.handle)),
      attempt.deadline,
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
  const named = { name: options.name ?? 'transaction', site: captureHolder() }
  const { name } = named
  checkIsolation(options.isolation)
  refuseNested(home.database, named)
  const deadline = new Deadline(name, options)
  const only = firstAttempt(named, options, deadline, readOnly)
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
    if (ended) throw alreadyEnded(name, deadline.reason)
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
  deadline.addEventListener('abort', () => void undoIfOpen())
  if (deadline.aborted) void undoIfOpen()
  return createOwnedHandle(scope, { commit: commitOwned, rollback: undo, leave: undoIfOpen })
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
  const wire = new TransactionWire(connection, home, attempt, home.beginRead?.(attempt, attempt.deadline))
  const line = new TransactionLine(wire, home, attempt)
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
  attempt.deadline.throwIfAborted()
  return home.acquire(attempt, attempt.deadline, attempt)
}
