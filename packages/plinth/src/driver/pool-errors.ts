import { PlinthError } from '../errors.ts'

/** All who wait for a connection see one of these. */

export function acquireTimedOut(acquireTimeoutMs: number, held: number, max: number): PlinthError {
  return new PlinthError(
    'PoolTimeout',
    `No connection became free within ${acquireTimeoutMs} ms: all ${held} are held.`,
    {
      phase: 'acquire',
      retryable: true,
      hint: `Shorten what runs inside transactions, or raise pool.max (now ${max}).`,
    },
  )
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

export function cancelledWaiting(signal: AbortSignal | undefined): unknown {
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
