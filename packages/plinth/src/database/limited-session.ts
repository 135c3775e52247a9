import { PlinthError } from '../errors.ts'
import { wholeNumber } from './options.ts'
import type { Session, SessionOptions } from './queryable.ts'
import { openSession, type SessionHome } from './session.ts'

export function noSession(): PlinthError {
  return new PlinthError('SessionStatement', 'A pooler in transaction mode gives nobody a connection to keep.', {
    hint:
      'For LISTEN, temporary tables and session locks make a database handle whose url leads straight to ' +
      'PostgreSQL.',
  })
}

/** A session with time limits of its own, on the server as well; they go when it is reset. */
export async function openLimitedSession(home: SessionHome, options: SessionOptions): Promise<Session> {
  if (options.statementTimeoutMs === undefined && options.lockTimeoutMs === undefined)
    return openSession(home, options.signal)
  const limits = {
    statementTimeoutMs: wholeNumber('statementTimeoutMs', options.statementTimeoutMs ?? home.statementTimeoutMs, 1),
    lockTimeoutMs: wholeNumber('lockTimeoutMs', options.lockTimeoutMs ?? home.lockTimeoutMs, 1),
  }
  const session = await openSession({ ...home, ...limits }, options.signal)
  try {
    await session.query(`select set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false)`, [
      String(limits.statementTimeoutMs),
      String(limits.lockTimeoutMs),
    ])
    return session
  } catch (error) {
    await session[Symbol.asyncDispose]()
    throw error
  }
}
