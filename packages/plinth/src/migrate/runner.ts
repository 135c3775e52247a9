import { existsSync } from 'node:fs'
import { installSchema, isSchemaInstalled } from '../database/install-schema.ts'
import type { Database, Session } from '../database/queryable.ts'
import { type Compared, compare } from './comparison.ts'
import { type MigrateOptions, type MigrateSettings, readMigrateOptions } from './migrate-options.ts'
import { invalid, pathOf, readMigrations } from './migration-folder.ts'
import { lockHolder, lockMigrations, withMigrationSession } from './migration-lock.ts'
import { noteChange, readRecords, recordApplied, removeRecord } from './migration-record.ts'
import type { Migration } from './migration.ts'

/** A session that holds the lock of the migrations. */
export interface Runner {
  readonly session: Session
  readonly settings: MigrateSettings
}

/** As `readMigrations`, for work that a misspelt path must not turn into nothing. */
export async function readFolder(folder: string | URL): Promise<readonly Migration[]> {
  const path = pathOf(folder)
  if (!existsSync(path)) throw invalid(`There is no folder ${path}.`, 'Name the folder of the migrations.')
  return await readMigrations(path)
}

/** Folder and database without the lock. What runs while somebody holds it is running; else its runner has died. */
export async function look(db: Database, folder: string | URL): Promise<readonly Compared[]> {
  const compared = compare(await readFolder(folder), await readRecords(db))
  const isRunning = compared.some(({ state }) => state === 'running')
  if (!isRunning || (await lockHolder(db))) return compared
  return compared.map((one) => (one.state === 'running' ? { ...one, state: 'broken' as const } : one))
}

/**
 * Runs `work` under the lock, with folder and database compared there and Plinth's own tables of this version. Where
 * those are there and `isDone` says of a first look that there is nothing to do, `work` gets that look and no lock.
 */
export async function withRunner<R>(
  db: Database,
  options: MigrateOptions,
  work: (runner: Runner, compared: readonly Compared[]) => Promise<R>,
  isDone: (compared: readonly Compared[]) => boolean = () => false,
): Promise<R> {
  const migrations = await readFolder(options.folder)
  const settings = readMigrateOptions(options)
  return await withMigrationSession(db, settings, async (session) => {
    const first = compare(migrations, await readRecords(session))
    if (isDone(first) && (await isSchemaInstalled(session))) return await work({ session, settings }, first)
    await lockMigrations(session, settings)
    await session.transaction((tx) => installSchema(tx), { name: 'installSchema' })
    return await work({ session, settings }, await compareAndAdopt(session, migrations))
  })
}

/** A squashed migration takes the place of those it stands for, and nothing is run. */
async function compareAndAdopt(session: Session, migrations: readonly Migration[]): Promise<readonly Compared[]> {
  const compared = compare(migrations, await readRecords(session))
  const squashed = compared.filter(({ state }) => state === 'squashed').flatMap(({ migration }) => migration ?? [])
  if (squashed.length === 0) return compared
  for (const migration of squashed) {
    await session.transaction(
      async (tx) => {
        for (const { number } of migration.replaces) await removeRecord(tx, number)
        await recordApplied(tx, migration)
        const note = `Stands for ${migration.replaces.map(({ id }) => id).join(', ')}.`
        await noteChange(tx, migration, 'squash', { note })
      },
      { name: migration.id },
    )
  }
  return compare(migrations, await readRecords(session))
}
