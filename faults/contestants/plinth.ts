import { createDatabase } from '../../packages/plinth/src/database/database.ts'
import type { DatabaseOptions, Queryable } from '../../packages/plinth/src/database/queryable.ts'
import { isPlinthError, type Outcome } from '../../packages/plinth/src/errors.ts'
import { type Ask, type Contestant, type Connecting, type Ending, limits } from '../contestant.ts'

export const endings: Readonly<Record<Outcome, Ending>> = { 'not applied': 'fail', applied: 'ok', unknown: 'unknown' }

export function settings({ url, service }: Connecting): DatabaseOptions {
  return {
    url,
    service,
    pool: { max: limits.connections, acquireTimeoutMs: limits.acquireMs },
    connectTimeoutMs: limits.connectMs,
    statementTimeoutMs: limits.statementMs,
    lockTimeoutMs: limits.lockMs,
    idleInTransactionTimeoutMs: limits.idleMs,
  }
}

export function openPlinth(connecting: Connecting): Contestant {
  const db = createDatabase(settings(connecting))
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
