import type { Queryable } from '../database/queryable.ts'
import { isPlinthError, PlinthError } from '../errors.ts'

interface Held {
  readonly table: string
  readonly pid: number | null
  readonly who: string
  /** False: it waits itself, and whoever comes behind it waits along. */
  readonly isHeld: boolean
}

/** Only ACCESS EXCLUSIVE keeps away who just looks. The name of a locked table is read without a lock. */
const heldText = `select distinct c.oid::regclass::text as table, l.pid, l.granted as "isHeld",
    coalesce(nullif(a.application_name, ''), a.usename, 'a prepared transaction')::text as who
  from pg_locks as l
    join pg_class as c on c.oid = l.relation
    left join pg_stat_activity as a using (pid)
  where l.mode = 'AccessExclusiveLock' and l.locktype = 'relation'
    and l.database = (select oid from pg_database where datname = current_database())
    and c.relkind in ('r', 'p', 'v', 'm', 'f') and l.pid is distinct from pg_backend_pid()
  order by 1 limit 5`

/** Makes a LockTimeout of `work` name the tables that are locked, and who holds them. */
export async function namingLockedTables<T>(db: Queryable, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isPlinthError(error, 'LockTimeout')) throw error
    const held = await heldTables(db)
    if (held.length === 0) throw error
    const tables = held.map(describe)
    throw new PlinthError('LockTimeout', `It waited for tables that are locked, and gave up: ${tables.join(', ')}.`, {
      cause: error,
      outcome: error.outcome,
      retryable: true,
      hint: 'Try again when their transactions have ended; plinth locks shows who waits for whom.',
    })
  }
}

function describe({ table, pid, who, isHeld }: Held): string {
  return `${table} (${isHeld ? 'held' : 'wanted'} by ${who}${pid === null ? '' : `, pid ${pid}`})`
}

/**
 * None where they cannot be asked for, as in a transaction, which the failure has aborted: the failure is told then.
 */
async function heldTables(db: Queryable): Promise<readonly Held[]> {
  try {
    return (await db.query<Held>(heldText)).rows
  } catch {
    return []
  }
}
