import { createDatabase } from '../../packages/plinth/src/database/database.ts'
import type { Queryable } from '../../packages/plinth/src/database/queryable.ts'
import { isPlinthError, type Outcome } from '../../packages/plinth/src/errors.ts'
import { type Ask, type Contestant, type Connecting, type Ending, limits } from '../contestant.ts'

export const endings: Readonly<Record<Outcome, Ending>> = { 'not applied': 'fail', applied: 'ok', unknown: 'unknown' }

export function openPlinth({ url, service }: Connecting): Contestant {
  const db = createDatabase({
    url,
    service,
    pool: { max: limits.connections, acquireTimeoutMs: limits.acquireMs },
    connectTimeoutMs: limits.connectMs,
    statementTimeoutMs: limits.statementMs,
    lockTimeoutMs: limits.lockMs,
    idleInTransactionTimeoutMs: limits.idleMs,
  })
  const ask =
    (queryable: Queryable): Ask =>
    async (text, values) =>
      (await queryable.query(text, values)).rows
  return {
    single: ask(db),
    transaction: (work, { name, isolation }) =>
      db.transaction((tx) => work(ask(tx)), {
        name,
        timeoutMs: limits.transactionMs,
        ...(isolation ? { isolation } : {}),
      }),
    judge: (error) =>
      isPlinthError(error)
        ? { ending: endings[error.outcome], code: `${error.code} ${error.sqlstate ?? ''}`.trim() }
        : { ending: 'fail', code: `not a PlinthError: ${String(error)}` },
    [Symbol.asyncDispose]: () => db.close({ deadlineMs: 5000 }),
  }
}
