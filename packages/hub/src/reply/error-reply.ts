import { isPlinthError, type ErrorCode, type PlinthError } from 'plinth'
import type { TextReply } from '../http/exchange.ts'
import { type ErrorAnswer, Refusal } from '../refusal.ts'
import { raisedAnswer } from './raised.ts'
import { statusOf } from './sqlstate-status.ts'

/** Failures without a SQLSTATE: PostgREST's code and status, and whether to come again. */
const failures: ReadonlyMap<ErrorCode, readonly [status: number, code: string, message: string]> = new Map([
  ['ConnectionFailed', [503, 'PGRST000', 'Database connection error.']],
  ['AuthenticationFailed', [503, 'PGRST000', 'Database connection error.']],
  ['DatabaseClosed', [503, 'PGRST000', 'The hub is shutting down.']],
  ['ConnectionLost', [503, 'PGRST001', 'The connection to the database broke.']],
  ['CommitUnknown', [503, 'PGRST001', 'The connection to the database broke.']],
  ['ServerOverloaded', [503, 'PLT503', 'The database takes no more connections.']],
  ['PoolOverloaded', [503, 'PLT503', 'Too many requests are waiting for the database.']],
  ['PoolTimeout', [504, 'PGRST003', 'Timed out acquiring connection from connection pool.']],
])

/** What any failure looks like from outside. A failure the hub has no name for tells nothing of its inside. */
export function errorAnswer(error: unknown, isAnonymous: boolean): ErrorAnswer {
  if (error instanceof Refusal) return error
  if (!isPlinthError(error)) return plain(500, 'PLT500', 'The hub failed on this request.', null, null)
  // A function may raise the same SQLSTATE as a failing login, which the phase tells apart.
  const isBefore = error.phase === 'connect' || error.phase === 'acquire'
  const failure = error.sqlstate === undefined || isBefore ? failures.get(error.code) : undefined
  if (failure !== undefined) {
    const [status, code, message] = failure
    return plain(status, code, message, lostWrite(error), null)
  }
  if (error.sqlstate !== undefined) return fromServer(error, error.sqlstate, isAnonymous)
  if (error.code === 'AnswerTooLarge') return plain(400, 'PLT400', error.message, null, error.hint ?? null)
  if (error.code === 'InvalidOperation') return plain(400, 'PGRST100', error.message, null, error.hint ?? null)
  if (error.code === 'StatementTimeout') return plain(500, '57014', error.message, null, error.hint ?? null)
  return plain(500, 'PLT500', 'The hub failed on this request.', null, null)
}

function lostWrite(error: PlinthError): string | null {
  return error.outcome === 'unknown' ? 'Whether the write was applied is not known: its answer was lost.' : null
}

function fromServer(error: PlinthError, sqlstate: string, isAnonymous: boolean): ErrorAnswer {
  const message = error.server?.message ?? error.message
  if (sqlstate === 'PGRST') return raisedAnswer(message, error.server?.detail)
  const status = statusOf(sqlstate, message, isAnonymous)
  const headers: Record<string, string> = status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  return plain(status, sqlstate, message, error.server?.detail ?? null, error.server?.hint ?? null, headers)
}

function plain(
  status: number,
  code: string,
  message: string,
  details: string | null,
  hint: string | null,
  headers: Readonly<Record<string, string>> = {},
): ErrorAnswer {
  // Clients of PostgREST try a read again at 503.
  const again = status === 503 ? { 'retry-after': '1' } : {}
  return { status, body: { code, message, details, hint }, headers: { ...again, ...headers } }
}

/** A function of the database may raise a code that no header can hold. */
const isToken = /^[\w.-]{1,64}$/

/** Writes the answer. `more` are further members of the body, for a client that is not PostgREST's. */
export function errorReply(
  { status, body, headers }: ErrorAnswer,
  more: Readonly<Record<string, unknown>> = {},
  server = 'Plinth',
): TextReply {
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'proxy-status': isToken.test(body.code) ? `${server}; error=${body.code}` : server,
      ...headers,
    },
    body: JSON.stringify({ ...body, ...more }),
  }
}
