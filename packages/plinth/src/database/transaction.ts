import type { Connection } from '../driver/connection.ts'
import type { Pool } from '../driver/pool.ts'
import { PlinthError } from '../errors.ts'
import { observe } from '../observe/observation.ts'
import { delayMs, pause, transactionBackoff } from './backoff.ts'
import { refuseNested, runInScope } from './context.ts'
import type { OwnedTransaction, Transaction, TransactionOptions } from './queryable.ts'
import { wholeMs } from './statement.ts'
import { TransactionLine } from './transaction-line.ts'
import { TransactionScope } from './transaction-scope.ts'

/** Where transactions get their connection, and what holds for all of them. */
export interface TransactionHome {
  /** Identity of the database, to notice a transaction inside a transaction. */
  readonly database: object
  readonly acquire: Pool['acquire']
  readonly release: Pool['release']
  readonly statementTimeoutMs: number
}

const defaultTimeoutMs = 30_000
const defaultAttempts = 5

/** Runs `work` in a transaction, again on conflicts that another run can win, never past the caller's deadline. */
export async function runTransaction<R>(
  home: TransactionHome,
  work: (tx: Transaction) => Promise<R>,
  options: TransactionOptions,
  readOnly: boolean,
): Promise<R> {
  const name = options.name ?? 'transaction'
  refuseNested(home.database, name)
  using deadline = new Deadline(name, options)
  const attempts = options.retry?.attempts ?? defaultAttempts
  for (let attempt = 1; ; attempt++) {
    try {
      return await runAttempt(home, work, { name, attempt, deadline, isolation: options.isolation, readOnly })
    } catch (error) {
      if (attempt >= attempts || !isConflict(error) || deadline.signal.aborted) throw error
      const wait = delayMs(transactionBackoff, attempt)
      observe({ kind: 'retry', attempt, delayMs: wait, cause: error })
      await pause(wait, deadline.signal)
      if (deadline.signal.aborted) throw error
    }
  }
}

interface Attempt {
  readonly name: string
  readonly attempt: number
  readonly deadline: Deadline
  readonly isolation: TransactionOptions['isolation']
  readonly readOnly: boolean
}

async function runAttempt<R>(
  home: TransactionHome,
  work: (tx: Transaction) => Promise<R>,
  attempt: Attempt,
): Promise<R> {
  const connection = await acquire(home, attempt.deadline)
  const { line, scope } = open(home, connection, attempt)
  let result: R
  try {
    result = await untilDeadline(
      runInScope(scope, () => work(scope.handle)),
      attempt.deadline.signal,
    )
    await commit(line, scope)
  } catch (error) {
    await rollback(line, scope)
    home.release(connection)
    await scope.runHooks('rolled back')
    throw error
  }
  home.release(connection)
  await scope.runHooks('committed')
  return result
}

/** The owner's form. The deadline runs until commit or rollback, and rolls back when it passes. */
export async function beginTransaction(
  home: TransactionHome,
  options: Omit<TransactionOptions, 'retry'>,
): Promise<OwnedTransaction> {
  const name = options.name ?? 'transaction'
  refuseNested(home.database, name)
  const deadline = new Deadline(name, options)
  const connection = await acquire(home, deadline).catch((error) => {
    deadline[Symbol.dispose]()
    throw error
  })
  const { line, scope } = open(home, connection, {
    name,
    attempt: 1,
    deadline,
    isolation: options.isolation,
    readOnly: false,
  })

  let ended = false
  const finish = async (end: () => Promise<void>, ending: 'committed' | 'rolled back'): Promise<void> => {
    if (ended) throw alreadyEnded(name)
    ended = true
    try {
      await end()
    } finally {
      deadline[Symbol.dispose]()
      home.release(connection)
    }
    await scope.runHooks(ending)
  }
  const undo = (): Promise<void> => finish(() => rollback(line, scope), 'rolled back')
  const commitOwned = (): Promise<void> => finish(() => commitOrRollBack(line, scope), 'committed')
  const undoIfOpen = async (): Promise<void> => (ended ? undefined : undo())
  deadline.signal.addEventListener('abort', () => void undoIfOpen(), { once: true })
  const owned = { ...scope.handle, commit: commitOwned, rollback: undo, [Symbol.asyncDispose]: undoIfOpen }
  // As for Transaction: the brand is the type checker's alone.
  return owned as unknown as OwnedTransaction
}

function alreadyEnded(name: string): PlinthError {
  return new PlinthError('TransactionClosed', `"${name}" was committed or rolled back before.`, {
    transaction: name,
    phase: 'commit',
  })
}

async function commitOrRollBack(line: TransactionLine, scope: TransactionScope): Promise<void> {
  try {
    await commit(line, scope)
  } catch (error) {
    await rollback(line, scope)
    await scope.runHooks('rolled back')
    throw error
  }
}

function open(
  home: TransactionHome,
  connection: Connection,
  attempt: Attempt,
): { line: TransactionLine; scope: TransactionScope } {
  const { name, isolation, readOnly, deadline } = attempt
  const { statementTimeoutMs } = home
  const times = { statementTimeoutMs, deadline: deadline.at, signal: deadline.signal }
  const line = new TransactionLine(connection, { name, attempt: attempt.attempt, isolation, readOnly, ...times })
  return { line, scope: new TransactionScope(line, home.database, name) }
}

async function commit(line: TransactionLine, scope: TransactionScope): Promise<void> {
  await scope.closeGate()
  await line.commit()
  scope.end('committed')
}

async function rollback(line: TransactionLine, scope: TransactionScope): Promise<void> {
  await scope.settle()
  await line.rollback()
  scope.end('rolled back')
}

async function acquire(home: TransactionHome, deadline: Deadline): Promise<Connection> {
  return home.acquire(deadline.signal)
}

/** 40001 and 40P01 anywhere in the chain of causes (an ORM wraps them), or a connection that broke before COMMIT was sent. */
function isConflict(error: unknown): boolean {
  let cause = error
  for (let depth = 0; depth < 8 && cause instanceof Error; depth++) {
    if (cause instanceof PlinthError) return cause.retryable && conflicts.has(rootCode(cause))
    if ('code' in cause && (cause.code === '40001' || cause.code === '40P01')) return true
    cause = cause.cause
  }
  return false
}

const conflicts: ReadonlySet<string> = new Set(['SerializationFailure', 'DeadlockDetected', 'ConnectionLost'])

/** An aborted transaction stands for the failure that aborted it. */
function rootCode(error: PlinthError): string {
  return error.code === 'TransactionAborted' && error.cause instanceof PlinthError ? error.cause.code : error.code
}

/** Rejects when the signal aborts although `work` has not settled: a callback that hangs must not hold its connection. */
function untilDeadline<R>(work: Promise<R>, signal: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    if (signal.aborted) abort()
  })
}

/** The time a transaction has for all its attempts, and its caller's own signal. */
class Deadline {
  readonly at: number
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #detach: () => void

  constructor(name: string, options: TransactionOptions) {
    const timeoutMs = wholeMs(options.timeoutMs ?? defaultTimeoutMs)
    this.at = performance.now() + timeoutMs
    this.#timer = setTimeout(() => this.#controller.abort(timedOut(name, timeoutMs)), timeoutMs)
    const { signal } = options
    const abort = (): void => this.#controller.abort(cancelled(name, signal?.reason))
    signal?.addEventListener('abort', abort)
    this.#detach = () => signal?.removeEventListener('abort', abort)
    if (signal?.aborted) abort()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#detach()
  }
}

function timedOut(name: string, timeoutMs: number): PlinthError {
  return new PlinthError('TransactionTimeout', `"${name}" was rolled back: it had not ended after ${timeoutMs} ms.`, {
    transaction: name,
    hint: 'Do the slow part outside the transaction, or give it a larger timeoutMs.',
  })
}

function cancelled(name: string, cause: unknown): PlinthError {
  return new PlinthError('Cancelled', `"${name}" was rolled back: its caller aborted.`, { transaction: name, cause })
}
