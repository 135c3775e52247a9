import type { Connection, RunOptions } from '../driver/connection.ts'
import { type ExchangeFailure, isStale, type Statement, type StepAnswer } from '../driver/exchange.ts'
import type { Interruption } from '../driver/interruption.ts'
import { isServerError } from '../driver/peer.ts'
import { type FailureContext, toPlinthError } from '../driver/sqlstate.ts'
import { isPlinthError, type Outcome, PlinthError } from '../errors.ts'

/** A cancelled statement that is still running after this long takes its connection with it. */
const cancelGraceMs = 1000

export interface HeldRun extends RunOptions {
  /** Time limit the server has for these statements. */
  readonly limitMs: number
  readonly signal?: Interruption | undefined
  readonly context: FailureContext
}

/**
 * Runs statements on a connection its caller holds alone. An abort cancels them on the server, and the promise settles
 * only when the server has answered or the connection is destroyed: a cancel never hits somebody else's statement.
 */
export async function runHeld(
  connection: Connection,
  statements: readonly Statement[],
  run: HeldRun,
): Promise<readonly StepAnswer[]> {
  const { signal, limitMs, context } = run
  let cancelling: Promise<void> | undefined
  const abort = (): void => {
    cancelling ??= cancelOrDestroy(connection)
  }
  signal?.addEventListener('abort', abort)
  try {
    if (signal?.aborted) throw abortError(signal, context, 'not applied')
    return await connection.run(statements, limitMs, run)
  } catch (error) {
    if (!isFailure(error)) throw error
    if (signal?.aborted && isCancelAnswer(error)) throw abortError(signal, context, 'not applied')
    if (signal?.aborted && !error.answered) throw abortError(signal, context, context.outcomeWhenLost)
    throw toPlinthError(error, context)
  } finally {
    signal?.removeEventListener('abort', abort)
    if (cancelling) await cancelling
  }
}

export function isFailure(error: unknown): error is ExchangeFailure {
  return typeof error === 'object' && error !== null && 'answered' in error && 'completed' in error
}

function isCancelAnswer(failure: ExchangeFailure): boolean {
  const { error } = failure
  return error instanceof Error && 'code' in error && error.code === '57014'
}

/**
 * The signal's own reason where it is an error of ours that says the same of the outcome, as a deadline does; else
 * Cancelled. Another transaction's deadline knows nothing of this statement.
 */
export function abortError(signal: Interruption, context: FailureContext, outcome: Outcome): PlinthError {
  const cause: unknown = signal.reason
  if (cause instanceof PlinthError && cause.outcome === outcome) return cause
  return new PlinthError('Cancelled', 'The caller aborted.', {
    phase: context.phase,
    outcome,
    cause,
    ...(context.statement === undefined ? {} : { statement: context.statement }),
    ...(context.transaction === undefined ? {} : { transaction: context.transaction }),
  })
}

/**
 * Ends what the connection is running: on the server, and if that takes too long by its destruction. Once for all that
 * is in flight there: a deadline ends thousands of pipelined statements, and each request to cancel is a connection.
 */
export function cancelOrDestroy(connection: Connection): Promise<void> {
  if (connection.inFlight === 0) return Promise.resolve()
  const known = ending.get(connection)
  if (known) return known
  const ended = endWork(connection).finally(() => ending.delete(connection))
  ending.set(connection, ended)
  return ended
}

const ending = new WeakMap<Connection, Promise<void>>()

async function endWork(connection: Connection): Promise<void> {
  await connection.cancel()
  const giveUpAt = performance.now() + cancelGraceMs
  while (connection.inFlight > 0 && performance.now() < giveUpAt)
    await new Promise((resolve) => setTimeout(resolve, 10))
  if (connection.inFlight > 0)
    connection.destroy(new PlinthError('Cancelled', 'The server did not stop a cancelled statement.'))
}

/** The statement was dropped or outdated on the server and did not run; its lane has forgotten it. */
export function isStaleError(error: unknown): boolean {
  return error instanceof PlinthError && isServerError(error.cause) && isStale(error.cause)
}

/** A write met a server that takes none (25006), also where that aborted a transaction that swallowed it. */
export function isWrongServer(error: unknown): boolean {
  if (isPlinthError(error, 'ReadOnlyServer')) return true
  return isPlinthError(error, 'TransactionAborted') && isPlinthError(error.cause, 'ReadOnlyServer')
}
