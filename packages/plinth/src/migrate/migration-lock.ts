import { pause } from '../database/backoff.ts'
import type { Database, Queryable, Session } from '../database/queryable.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import { type LockHolder, type MigrateSettings, refuseAborted } from './migrate-options.ts'

/** The advisory lock of whoever migrates this database. Two keys: nobody's `tx.lock` is in that space. */
export const advisoryLock = '8103, 1'
const pollMs = 100
const tellEveryMs = 1000

/**
 * Runs `work` on one connection. The lock of the migrations and their statements share it, so whoever has lost the lock
 * has lost the statements too, and a second runner never meets them.
 */
export async function withMigrationSession<R>(
  db: Database,
  { statementTimeoutMs, lockTimeoutMs, signal }: MigrateSettings,
  work: (session: Session) => Promise<R>,
): Promise<R> {
  const options = { statementTimeoutMs, lockTimeoutMs, ...(signal && { signal }) }
  await using session = await db.session(options).catch((error: unknown) => {
    throw isPlinthError(error, 'SessionStatement') ? behindPooler(error) : error
  })
  return await work(session)
}

/**
 * Holds the lock of the migrations until the session ends. It is asked for again and again and never waited for: a
 * statement that waits has a snapshot, for which CREATE INDEX CONCURRENTLY of the holder would wait in turn.
 */
export async function lockMigrations(session: Session, settings: MigrateSettings): Promise<void> {
  const { lockWaitMs, onProgress, signal } = settings
  const deadline = performance.now() + lockWaitMs
  let tellAt = 0
  while (!(await tryLock(session))) {
    const isLate = performance.now() >= deadline
    if (isLate || performance.now() >= tellAt) {
      const holder = await lockHolder(session)
      if (isLate) throw stillHeld(holder, lockWaitMs)
      onProgress({ kind: 'waiting', holder })
      tellAt = performance.now() + tellEveryMs
    }
    await pause(pollMs, signal)
    refuseAborted(signal)
  }
}

async function tryLock(session: Session): Promise<boolean> {
  const { locked } = await session.one<{ locked: boolean }>(`select pg_try_advisory_lock(${advisoryLock}) as locked`)
  return locked
}

/** Undefined when nobody migrates. */
export function lockHolder(on: Queryable): Promise<LockHolder | undefined> {
  const [classId, objectId] = advisoryLock.split(', ')
  return on.maybeOne<LockHolder>(
    `select a.pid, a.application_name as application, a.usename::text as user, a.backend_start as since
      from pg_locks as l join pg_stat_activity as a using (pid)
      where l.locktype = 'advisory' and l.granted and (l.classid, l.objid, l.objsubid) = (${classId}, ${objectId}, 2)
        and l.database = (select oid from pg_database where datname = current_database())`,
  )
}

function stillHeld(holder: LockHolder | undefined, lockWaitMs: number): PlinthError {
  const who = holder
    ? `${holder.application || 'a client without a name'} (pid ${holder.pid}, user ${holder.user}, ` +
      `connected since ${holder.since.toISOString()})`
    : 'another process'
  return new PlinthError('LockTimeout', `The database was still being migrated by ${who} after ${lockWaitMs} ms.`, {
    retryable: true,
    hint: holder
      ? `Wait for it with a longer lockWaitMs (--lock-wait), or end it: select pg_terminate_backend(${holder.pid}).`
      : 'Try again.',
  })
}

function behindPooler(cause: PlinthError): PlinthError {
  return new PlinthError('SessionStatement', 'Migrations cannot run through a pooler in transaction mode.', {
    cause,
    hint: 'Their lock lives on one connection: give them a handle whose url leads straight to PostgreSQL.',
  })
}
