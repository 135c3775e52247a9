import { installSchema } from '../database/install-schema.ts'
import type { Database } from '../database/queryable.ts'
import { applyAll } from './apply.ts'
import { cannotRun } from './cannot-run.ts'
import { type CatalogState, readCatalogState } from './catalog-state.ts'
import type { DiffEngine, Snapshot } from './diff-engine.ts'
import { type Direction, readMigrateOptions } from './migrate-options.ts'
import { withMigrationSession } from './migration-lock.ts'
import type { Migration } from './migration.ts'
import type { Scratch } from './scratch.ts'

/** Runs migrations on a scratch database with the runner itself, so that what is proved is what will happen. */
export async function runOnScratch(
  scratch: Scratch,
  database: Database,
  migrations: readonly Migration[],
  direction: Direction,
): Promise<CatalogState> {
  const settings = readMigrateOptions({})
  await withMigrationSession(database, settings, async (session) => {
    await session.transaction((tx) => installSchema(tx))
    for (const [i, migration] of migrations.entries()) {
      scratch.onProgress({ kind: 'migration', migration, direction, at: i + 1, of: migrations.length })
      await scratch.withRoles(database, () => applyAll({ session, settings }, [{ migration, direction }], []))
    }
  })
  return readCatalogState(database)
}

/** What the entities of a snapshot make in an empty database. */
export async function describedState(scratch: Scratch, engine: DiffEngine, snapshot: Snapshot): Promise<CatalogState> {
  const { up } = await engine.difference(engine.empty, snapshot, { renames: [], drops: [] })
  const database = await scratch.create()
  for (const statement of up) {
    await scratch
      .withRoles(database, () => database.query(statement))
      .catch((error: unknown) => {
        throw cannotRun(error)
      })
  }
  return readCatalogState(database)
}
