import type { Queryable } from '../database/queryable.ts'

/** A connection that waits for a lock, or that others wait for. */
export interface LockingSession {
  /** 0: a prepared transaction, which has no connection. */
  readonly pid: number
  readonly user: string
  readonly application: string
  /** As in pg_stat_activity: `active`, `idle in transaction`. */
  readonly state: string
  /** How long its transaction has been open. */
  readonly transactionMs: number
  /** Absent for one that waits for nothing, and is what the others wait for. */
  readonly waitsFor?: { readonly mode: string; readonly on: string; readonly ms: number }
  /** Pids that it waits for, before it in a queue of waiters included. */
  readonly blockedBy: readonly number[]
  readonly query: string
}

type Row = Omit<LockingSession, 'waitsFor'> & {
  readonly mode: string | null
  readonly lock: string | null
  readonly waitMs: number | null
}

/** pg_blocking_pids() takes the lock table's own lock for a moment, so it is asked once for each waiter. */
const text = `with waiting as (
    select pid, array(select distinct unnest(pg_blocking_pids(pid))) as blocked_by
      from pg_stat_activity where wait_event_type = 'Lock' and pid <> pg_backend_pid()),
  involved as (
    select pid, blocked_by from waiting
    union all
    select distinct blocker, '{}'::int[] from waiting, unnest(blocked_by) as blocker
      where blocker not in (select pid from waiting))
  select involved.pid, coalesce(a.usename, '')::text as user, coalesce(a.application_name, '') as application,
    coalesce(a.state, 'prepared') as state,
    round(coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0) * 1000)::float8 as "transactionMs",
    l.mode, l.lock, round(extract(epoch from clock_timestamp() - l.waitstart) * 1000)::float8 as "waitMs",
    involved.blocked_by as "blockedBy", coalesce(a.query, '') as query
  from involved
    left join pg_stat_activity as a using (pid)
    left join lateral (
      select mode, waitstart,
        locktype || coalesce(' ' || case
          when database = (select oid from pg_database where datname = current_database())
          then coalesce(relation::regclass::text, classid || ', ' || objid) end, '') as lock
        from pg_locks where pid = involved.pid and not granted limit 1) as l on true
  where a.datname = current_database() or a.datname is null
  order by involved.pid`

/**
 * Who waits for a lock in this database, and for whom.
 *
 *     for (const { pid, blockedBy } of await blockedSessions(db)) console.log(pid, blockedBy)
 */
export async function blockedSessions(db: Queryable): Promise<readonly LockingSession[]> {
  const { rows } = await db.query<Row>(text)
  return rows.map(({ mode, lock, waitMs, ...session }) =>
    mode === null ? session : { ...session, waitsFor: { mode, on: lock ?? '', ms: waitMs ?? 0 } },
  )
}
