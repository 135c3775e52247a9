import type { Database } from '../database/queryable.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import { applyAll, type MigrationResult } from './apply.ts'
import type { Compared } from './comparison.ts'
import { refuseConflicts } from './conflicts.ts'
import type { MigrateOptions } from './migrate-options.ts'
import type { Migration } from './migration.ts'
import { look, withRunner } from './runner.ts'

export interface RunOptions extends MigrateOptions {
  /** Number of the last migration to run. Default: all. */
  readonly to?: number
}

/**
 * Runs what the database does not have yet, in order, and resolves with what it ran. Any number of processes may call
 * it at the same time: one runs, the others wait and find nothing left. Where nothing is pending nobody waits.
 *
 *     await runMigrations(db, { folder: new URL('../migrations/', import.meta.url) })
 *
 * Throws MigrationFailed when one fails, with those before it kept; MigrationBroken where a file without a transaction
 * stopped half way; MigrationConflict where folder and database disagree; InvalidMigration for the folder; LockTimeout
 * when another process goes on for longer than `lockWaitMs`; SessionStatement behind a pooler.
 */
export async function runMigrations(db: Database, options: RunOptions): Promise<readonly MigrationResult[]> {
  const results: MigrationResult[] = []
  for (;;) {
    const before = results.length
    try {
      await runPending(db, options, results)
      return results
    } catch (error) {
      // What it had run is known, also where the answer to a COMMIT was lost. The lock went with the connection, so
      // the rest is looked at anew.
      if (!isLostBehind(error) || results.length === before) throw error
    }
  }
}

function isLostBehind(error: unknown): boolean {
  return isPlinthError(error) && error.outcome === 'not applied' && isPlinthError(error.cause, 'ConnectionLost')
}

async function runPending(db: Database, options: RunOptions, results: MigrationResult[]): Promise<void> {
  const isNothingToDo = ({ state }: Compared): boolean =>
    state === 'applied' || (state === 'newer' && options.allowNewer === true)
  await withRunner(
    db,
    options,
    async (runner, compared) => {
      const jobs = pendingOf(compared, options).map((migration) => ({ migration, direction: 'up' as const }))
      await applyAll(runner, jobs, results)
    },
    (first) => first.every(isNothingToDo),
  )
}

/**
 * What `runMigrations` would run, in that order; changes nothing.
 *
 *     const next = await planMigrations(db, { folder: 'migrations' })
 *
 * Throws what it would throw before it runs anything: InvalidMigration, MigrationConflict, MigrationBroken, and
 * InvalidOption for a `to` that the folder does not have.
 */
export async function planMigrations(
  db: Database,
  options: Pick<RunOptions, 'folder' | 'to' | 'allowNewer'>,
): Promise<readonly Migration[]> {
  const compared = await look(db, options.folder)
  return pendingOf(
    compared.filter(({ state }) => state !== 'running'),
    options,
  )
}

function pendingOf(
  compared: readonly Compared[],
  { to, allowNewer = false }: Pick<RunOptions, 'to' | 'allowNewer'>,
): readonly Migration[] {
  if (to !== undefined && !compared.some(({ number, migration }) => number === to && migration))
    throw new PlinthError('InvalidOption', `to is ${to}; the folder has no migration with that number.`)
  refuseConflicts(compared, allowNewer ? ['newer'] : [])
  const pending = compared.filter(({ state, number }) => state === 'pending' && number <= (to ?? number))
  return pending.flatMap(({ migration }) => migration ?? [])
}
