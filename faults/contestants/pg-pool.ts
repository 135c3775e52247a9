import type pg from 'pg'
import { createDatabase } from '../../packages/plinth/src/database/database.ts'
import { isPlinthError } from '../../packages/plinth/src/errors.ts'
import type { Contestant, OpenContestant } from '../contestant.ts'
import { codeOf, openOnPool } from './pg.ts'
import { endings, settings } from './plinth.ts'

/** The code of a team that had pg.Pool, or a library on it, on `db.pgPool()`. */
export function onPgPool(open: (pool: pg.Pool) => Pick<Contestant, 'single' | 'transaction'>): OpenContestant {
  return (connecting) => {
    const db = createDatabase(settings(connecting))
    return { ...open(db.pgPool()), judge, [Symbol.asyncDispose]: () => db.close({ deadlineMs: 5000 }) }
  }
}

export const openPgPool: OpenContestant = onPgPool(openOnPool)

/**
 * An error of ours says what is known, and so does a SQLSTATE; of a lone write whose socket broke pg's own error tells
 * nothing. A library may have wrapped either.
 */
function judge(error: unknown): ReturnType<Contestant['judge']> {
  let cause = error
  for (; cause instanceof Error; cause = cause.cause) {
    if (isPlinthError(cause))
      return { ending: endings[cause.outcome], code: `${cause.code} ${cause.sqlstate ?? ''}`.trim() }
    if ('severity' in cause && cause.severity === 'ERROR') return { ending: 'fail', code: codeOf(cause) }
  }
  return { ending: 'unknown', code: codeOf(error) }
}
