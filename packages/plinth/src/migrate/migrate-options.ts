import { wholeNumber } from '../database/options.ts'
import { PlinthError } from '../errors.ts'
import type { Migration } from './migration.ts'

export type Direction = 'up' | 'down'

/** Who migrates, as pg_stat_activity knows it. */
export interface LockHolder {
  readonly pid: number
  /** Its application_name: the `service` of a Plinth database. */
  readonly application: string
  readonly user: string
  /** When it connected. */
  readonly since: Date
}

/** What a run tells while it goes on. What a listener throws ends the run as an error of the migration would. */
export type MigrationProgress =
  /** Another process migrates; told once a second. */
  | { readonly kind: 'waiting'; readonly holder: LockHolder | undefined }
  | ({ readonly kind: 'begin'; readonly migration: Migration; readonly direction: Direction } & Position)
  /** A statement is sent next. Of SQL alone: a module's statements are its own. */
  | ({ readonly kind: 'statement'; readonly migration: Migration; readonly line: number } & Position)
  /** Everything of the migration was undone, after a lock or a conflict, and it is run again. */
  | { readonly kind: 'retry'; readonly migration: Migration; readonly attempt: number }
  | { readonly kind: 'end'; readonly migration: Migration; readonly direction: Direction; readonly durationMs: number }

/** The how manieth of how many. */
interface Position {
  readonly at: number
  readonly of: number
}

export interface MigrateOptions {
  /** Folder of the migrations. */
  readonly folder: string | URL
  /** How long to wait while another process migrates. Default 60,000. */
  readonly lockWaitMs?: number
  /**
   * How long a statement waits for the lock of a table, for whoever comes behind it waits as long. Then its migration
   * is undone and run again. Default 5,000.
   */
  readonly lockTimeoutMs?: number
  /** How often a migration that meets a locked table is run, the first time included. Default 10. */
  readonly lockAttempts?: number
  /** Time limit of each statement. Default 3,600,000, an hour. */
  readonly statementTimeoutMs?: number
  /**
   * The database may have migrations that are newer than the folder: a service of the last release that starts again
   * while the next one is rolled out. Default false: they are an error.
   */
  readonly allowNewer?: boolean
  readonly onProgress?: (progress: MigrationProgress) => void
  readonly signal?: AbortSignal
}

export interface MigrateSettings {
  readonly lockWaitMs: number
  readonly lockTimeoutMs: number
  readonly lockAttempts: number
  readonly statementTimeoutMs: number
  readonly allowNewer: boolean
  readonly onProgress: (progress: MigrationProgress) => void
  readonly signal: AbortSignal | undefined
}

export function readMigrateOptions(options: Omit<MigrateOptions, 'folder'>): MigrateSettings {
  return {
    lockWaitMs: wholeNumber('lockWaitMs', options.lockWaitMs ?? 60_000, 0),
    lockTimeoutMs: wholeNumber('lockTimeoutMs', options.lockTimeoutMs ?? 5000, 1),
    lockAttempts: wholeNumber('lockAttempts', options.lockAttempts ?? 10, 1),
    statementTimeoutMs: wholeNumber('statementTimeoutMs', options.statementTimeoutMs ?? 3_600_000, 1),
    allowNewer: options.allowNewer ?? false,
    onProgress: options.onProgress ?? (() => undefined),
    signal: options.signal,
  }
}

export function refuseAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw new PlinthError('Cancelled', 'The caller aborted the migrations.', { cause: signal.reason })
}
