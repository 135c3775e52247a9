import { existsSync } from 'node:fs'
import type { Database } from '../database/queryable.ts'
import { applyAll, type MigrationResult } from './apply.ts'
import { dropObjects } from './drop-objects.ts'
import type { MigrateOptions } from './migrate-options.ts'
import { pathOf } from './migration-folder.ts'
import { prepareStep } from './prepared-step.ts'
import { type GuardOptions, refuseProduction } from './production-guard.ts'
import { readFolder, withRunner } from './runner.ts'
import { runSeeds, type RunSeedsOptions, type SeedResult } from './run-seeds.ts'
import { invalidSeed, loadSeed, readSeeds } from './seed-folder.ts'

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
 * Drops what users made in a database, runs all migrations and then the seeds. Dropped are the tables, views,
 * sequences, functions and types of each schema, and the schemas but for `public` and those an extension lives in.
 * Nobody else can migrate between the drop and the last migration. All files are read first, so that a mistake in them
 * leaves the database as it is; a migration that fails leaves it without its rows.
 *
 *     await resetDatabase(db, { guard: { url }, migrations: { folder: 'migrations' }, seeds: { environment: 'test' } })
 *
 * Throws ProductionRefused for a database that looks like production, unless it is forced twice; PermissionDenied, with
 * nothing dropped, where something has another owner; what `runMigrations` and `runSeeds` throw, and InvalidSeed for
 * a folder of seeds that is named and not there.
 */
export async function resetDatabase(db: Database, { guard, migrations, seeds }: ResetOptions): Promise<ResetResult> {
  await refuseProduction(db, { ...guard, action: 'reset it' })
  await refuseUnfit(migrations.folder, seeds.folder)
  const results: MigrationResult[] = []
  await withRunner(db, migrations, async (runner, compared) => {
    await dropObjects(runner.session)
    const jobs = compared.flatMap(({ migration }) => (migration ? [{ migration, direction: 'up' as const }] : []))
    await applyAll(runner, jobs, results)
  })
  return { migrations: results, seeds: await runSeeds(db, seeds) }
}

/** Throws for a file that could not be run: after the drop it would be too late. */
async function refuseUnfit(migrations: string | URL, seeds: string | URL | undefined): Promise<void> {
  for (const migration of await readFolder(migrations)) await prepareStep(migration, 'up')
  if (seeds !== undefined && !existsSync(pathOf(seeds)))
    throw invalidSeed(`There is no folder ${pathOf(seeds)}.`, 'Name the folder of the seeds.')
  for (const seed of await readSeeds(seeds ?? 'seeds')) await loadSeed(seed)
}
