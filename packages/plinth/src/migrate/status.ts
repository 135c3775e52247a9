import { wholeNumber } from '../database/options.ts'
import type { Database } from '../database/queryable.ts'
import type { Compared, MigrationState } from './comparison.ts'
import { type Change, isInstalled } from './migration-record.ts'
import type { Direction } from './migrate-options.ts'
import { look } from './runner.ts'

export interface MigrationStatus {
  /** `0001_add_users`. */
  readonly id: string
  readonly number: number
  readonly state: MigrationState
  readonly appliedAt?: Date
  readonly durationMs?: number
  /** User and application_name. */
  readonly appliedBy?: string
  /** Of one that is running or broken: which way, at which statement, and why it stopped. */
  readonly stoppedAt?: { readonly direction: Direction; readonly statement: number; readonly error: string | null }
}

/**
 * Each migration of the folder and of the database, and where it stands. Reads only, and waits for nobody.
 *
 *     const behind = (await migrationStatus(db, { folder })).filter(({ state }) => state !== 'applied')
 *
 * Throws InvalidMigration for the folder, and one that is not there.
 */
export async function migrationStatus(
  db: Database,
  { folder }: { readonly folder: string | URL },
): Promise<readonly MigrationStatus[]> {
  return (await look(db, folder)).map(toStatus)
}

function toStatus({ id, number, state, record }: Compared): MigrationStatus {
  if (!record) return { id, number, state }
  const { appliedAt, durationMs, appliedBy, direction, statement, error } = record
  const stopped = statement === null ? {} : { stoppedAt: { direction, statement, error } }
  return { id, number, state, appliedAt, durationMs, appliedBy, ...stopped }
}

export interface MigrationChange {
  readonly id: string
  readonly number: number
  readonly change: Change
  readonly changedAt: Date
  readonly durationMs: number
  /** User and application_name. */
  readonly changedBy: string
  readonly note: string | null
}

/**
 * What was run, reverted and resolved on this database, the newest first: `limit` entries, default 100.
 *
 *     const [last] = await migrationHistory(db, { limit: 1 })
 *
 * Throws InvalidOption for a limit that is no number from 1.
 */
export async function migrationHistory(
  db: Database,
  { limit = 100 }: { readonly limit?: number } = {},
): Promise<readonly MigrationChange[]> {
  wholeNumber('limit', limit, 1)
  if (!(await isInstalled(db))) return []
  const { rows } = await db.query<MigrationChange>(
    `select name as id, number, change, changed_at as "changedAt", duration_ms as "durationMs",
      changed_by as "changedBy", note from plinth.migration_history order by migration_history.id desc limit $1`,
    [limit],
  )
  return rows
}
