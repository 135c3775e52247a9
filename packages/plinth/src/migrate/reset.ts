import type { Database } from '../database/queryable.ts'
import type { MigrationResult } from './apply.ts'
import { dropObjects } from './drop-objects.ts'
import type { MigrateOptions } from './migrate-options.ts'
import { readMigrations } from './migration-folder.ts'
import { type GuardOptions, refuseProduction } from './production-guard.ts'
import { runMigrations } from './run.ts'
import { runSeeds, type RunSeedsOptions, type SeedResult } from './run-seeds.ts'
import { readSeeds } from './seed-folder.ts'

export interface ResetOptions {
  readonly guard: Omit<GuardOptions, 'action'>
  readonly migrations: MigrateOptions
  readonly seeds: RunSeedsOptions
}

export interface ResetResult {
  readonly migrations: readonly MigrationResult[]
  readonly seeds: readonly SeedResult[]
}

/**
 * Drops what is in a database (`dropObjects` says what), runs all migrations and then the seeds. Refuses a database
 * that looks like production unless it is forced twice. Both folders are read first, so that a mistake in them leaves
 * the database as it is; a migration that fails leaves it without its rows.
 *
 * Throws ProductionRefused, and what `runMigrations` and `runSeeds` throw.
 */
export async function resetDatabase(db: Database, { guard, migrations, seeds }: ResetOptions): Promise<ResetResult> {
  await refuseProduction(db, { ...guard, action: 'reset' })
  await readMigrations(migrations.folder)
  await readSeeds(seeds.folder ?? 'seeds')
  await dropObjects(db)
  return { migrations: await runMigrations(db, migrations), seeds: await runSeeds(db, seeds) }
}
