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

type Row = Omit<RunningQuery, 'waitsFor'> & { readonly waitsFor: string | null }

/** The longest first. */
const text = `select pid, coalesce(usename, '')::text as user, coalesce(application_name, '') as application, state,
    round(extract(epoch from clock_timestamp() - case when state = 'active' then query_start else state_change end)
      * 1000)::float8 as ms,
    round(coalesce(extract(epoch from clock_timestamp() - xact_start), 0) * 1000)::float8 as "transactionMs",
    case when state = 'active' then wait_event_type || ': ' || wait_event end as "waitsFor", query
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
  return rows.map(({ waitsFor, ...query }) => (waitsFor === null ? query : { ...query, waitsFor }))
}
