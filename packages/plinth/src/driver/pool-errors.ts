import { PlinthError } from '../errors.ts'
import type { Interruption } from './interruption.ts'

/** All who wait for a connection see one of these. */

/** `holders`: one line for each, by `Holders.describe`. */
export function acquireTimedOut(acquireTimeoutMs: number, holders: readonly string[], max: number): PlinthError {
  const held = holders.length === 0 ? '; none was opened in time' : `: all ${holders.length} are held${list(holders)}`
  return new PlinthError('PoolTimeout', `No connection became free within ${acquireTimeoutMs} ms${held}`, {
    phase: 'acquire',
    retryable: true,
    hint: `Shorten what runs inside transactions, or raise pool.max (now ${max}).`,
  })
}

/** `waiter`: name of the one that is refused. */
export function selfDeadlock(waiter: string, holders: readonly string[], max: number): PlinthError {
  const message =
    `"${waiter}" waits for a connection that nobody can give back: each of the ${holders.length} holders is idle ` +
    `and waits for this pool itself${list(holders)}`
  return new PlinthError('PoolSelfDeadlock', message, {
    phase: 'acquire',
    hint:
      'Use the transaction that is open instead of a second connection inside it. ' +
      `pool.max (now ${max}) only moves the limit.`,
  })
}

function list(holders: readonly string[]): string {
  return `\n${holders.map((line) => `  ${line}`).join('\n')}`
}

export function overloaded(waiting: number): PlinthError {
  return new PlinthError(
    'PoolOverloaded',
    `${waiting} callers already wait for a connection; this one was refused at once.`,
    {
      phase: 'acquire',
      retryable: true,
      hint: 'The database is slower than its callers. Answer 503 and let them come back.',
    },
  )
}

export function cancelledWaiting(signal: Interruption | undefined): unknown {
  const cause: unknown = signal?.reason
  if (cause instanceof PlinthError) return cause
  return new PlinthError('Cancelled', 'The caller aborted while it waited for a connection.', {
    phase: 'acquire',
    cause,
  })
}

export function leftOpen(): PlinthError {
  return new PlinthError(
    'ConnectionLost',
    'The connection was given back with a transaction or a statement still open.',
  )
}
