import { createDatabase } from '../../packages/plinth/src/database/database.ts'
import { isPlinthError } from '../../packages/plinth/src/errors.ts'
import { type Contestant, type Connecting, limits } from '../contestant.ts'
import { openOnPool } from './pg.ts'
import { endings } from './plinth.ts'

/**
 * The code of a team that had pg.Pool, on `db.pgPool()`. An error of ours says what is known, and so does a SQLSTATE; of
 * a lone write whose socket broke pg's own error tells nothing.
 */
export function openPgPool({ url, service }: Connecting): Contestant {
  const db = createDatabase({
    url,
    service,
    pool: { max: limits.connections, acquireTimeoutMs: limits.acquireMs },
    connectTimeoutMs: limits.connectMs,
    statementTimeoutMs: limits.statementMs,
    lockTimeoutMs: limits.lockMs,
    idleInTransactionTimeoutMs: limits.idleMs,
  })
  const byHand = openOnPool(db.pgPool())
  return {
    ...byHand,
    judge: (error) =>
      isPlinthError(error)
        ? { ending: endings[error.outcome], code: `${error.code} ${error.sqlstate ?? ''}`.trim() }
        : { ...byHand.judge(error), ending: isServersWord(error) ? 'fail' : 'unknown' },
    [Symbol.asyncDispose]: () => db.close({ deadlineMs: 5000 }),
  }
}

function isServersWord(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'ERROR'
}
