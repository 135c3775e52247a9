import { wholeNumber } from '../database/options.ts'
import type { Database } from '../database/queryable.ts'
import { applyAll, type MigrationResult } from './apply.ts'
import type { Compared } from './comparison.ts'
import { refuseConflicts } from './conflicts.ts'
import type { MigrateOptions } from './migrate-options.ts'
import type { Migration } from './migration.ts'
import { look, withRunner } from './runner.ts'

export interface RevertOptions extends Omit<MigrateOptions, 'allowNewer'> {
  /** How many of the last ones. Default 1. */
  readonly steps?: number
}

/**
 * Reverts the last `steps` migrations, the newest first, each in a transaction of its own unless its down.sql says
 * otherwise. All of them must have a way back, or none is reverted.
 *
 *     await revertMigrations(db, { folder, steps: 2 })
 *
 * Throws as `runMigrations` does.
 */
export async function revertMigrations(db: Database, options: RevertOptions): Promise<readonly MigrationResult[]> {
  const results: MigrationResult[] = []
  await withRunner(db, options, async (runner, compared) => {
    const jobs = lastApplied(compared, options.steps).map((migration) => ({ migration, direction: 'down' as const }))
    await applyAll(runner, jobs, results)
  })
  return results
}

/**
 * What `revertMigrations` would revert, in that order; changes nothing.
 *
 *     const next = await planRevert(db, { folder: 'migrations', steps: 2 })
 *
 * Throws InvalidMigration, MigrationConflict and MigrationBroken, and InvalidOption for `steps` below 1. Whether each
 * has a down.sql is seen only by the revert.
 */
export async function planRevert(
  db: Database,
  options: Pick<RevertOptions, 'folder' | 'steps'>,
): Promise<readonly Migration[]> {
  return lastApplied(await look(db, options.folder), options.steps)
}

/**
 * Reverts the last migration and runs it again, as its file is by now: for one that is still being written. When it
 * cannot be run again it stays reverted.
 *
 *     await redoMigration(db, { folder: 'migrations' })
 *
 * Throws as `runMigrations` does, and InvalidMigration where it has no way back.
 */
export async function redoMigration(
  db: Database,
  options: Omit<MigrateOptions, 'allowNewer'>,
): Promise<readonly MigrationResult[]> {
  const results: MigrationResult[] = []
  await withRunner(db, options, async (runner, compared) => {
    const last = lastApplied(compared)
    const jobs = (['down', 'up'] as const).flatMap((direction) => last.map((migration) => ({ migration, direction })))
    await applyAll(runner, jobs, results)
  })
  return results
}

/** Whether their up.sql was changed meanwhile is no matter: they go. */
function lastApplied(compared: readonly Compared[], steps = 1): readonly Migration[] {
  wholeNumber('steps', steps, 1)
  const applied = compared.filter(({ state }) => state === 'applied' || state === 'changed')
  const last = applied.slice(-steps).reverse()
  refuseConflicts(compared.filter((one) => !(one.state === 'changed' && last.includes(one))))
  return last.flatMap(({ migration }) => migration ?? [])
}
