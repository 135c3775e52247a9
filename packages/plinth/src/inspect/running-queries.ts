import type { Queryable } from '../database/queryable.ts'

/** A statement that runs, or a transaction that is open and runs none. */
export interface RunningQuery {
  readonly pid: number
  readonly user: string
  /** `application_name`: the `service` of a Plinth database. */
  readonly application: string
  /** `active`, `idle in transaction` or `idle in transaction (aborted)`. */
  readonly state: string
  /** Since the statement began; of an idle transaction since its last one ended. */
  readonly ms: number
  /** How long its transaction has been open. */
  readonly transactionMs: number
  /** What it waits for, as `Lock: relation`; absent when it waits for nothing. */
  readonly waitsFor?: string
  /** The text, with the values that were written into it; of an idle transaction the last one. */
  readonly query: string
}

interface Row {
  readonly pid: number
  readonly user: string
  readonly application: string
  readonly state: string
  readonly ms: number
  readonly transaction_ms: number
  readonly waits_for: string | null
  readonly query: string
}

/** The longest first. */
const text = `select pid, coalesce(usename, '')::text as user, coalesce(application_name, '') as application, state,
    extract(epoch from clock_timestamp() - case when state = 'active' then query_start else state_change end)::float8
      * 1000 as ms,
    coalesce(extract(epoch from clock_timestamp() - xact_start), 0)::float8 * 1000 as transaction_ms,
    case when state = 'active' then wait_event_type || ': ' || wait_event end as waits_for, query
  from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
    and state in ('active', 'idle in transaction', 'idle in transaction (aborted)', 'fastpath function call')
    and clock_timestamp() - case when state = 'active' then query_start else state_change end
      >= $1::float8 * interval '1 ms'
  order by ms desc`

/**
 * What the other connections of this database are at for longer than `overMs`, default 0, the longest first. Without
 * the role pg_read_all_stats it sees the text of its own user's statements alone.
 *
 *     const slow = await runningQueries(db, { overMs: 5000 })
 */
export async function runningQueries(
  db: Queryable,
  { overMs = 0 }: { readonly overMs?: number } = {},
): Promise<readonly RunningQuery[]> {
  const { rows } = await db.query<Row>(text, [overMs])
  return rows.map(({ ms, transaction_ms, waits_for, ...rest }) => ({
    ...rest,
    ms: Math.round(ms),
    transactionMs: Math.round(transaction_ms),
    ...(waits_for === null ? {} : { waitsFor: waits_for }),
  }))
}
