import type { Database, Queryable } from '../database/queryable.ts'
import { type CatalogDifference, catalogDifferences } from './catalog-difference.ts'
import { type CatalogObject, type CatalogState, readCatalogState } from './catalog-state.ts'
import { drizzleEngine } from './drizzle-engine.ts'
import { lastSnapshot } from './generate.ts'
import { readMigrations } from './migration-folder.ts'
import type { Migration } from './migration.ts'
import { areToolColumns } from './other-tools.ts'
import { openScratch, type ScratchProgress } from './scratch.ts'
import { runOnScratch } from './scratch-run.ts'
import { type MigrationStatus, migrationStatus } from './status.ts'

export interface CheckOptions {
  /** Folder of the migrations. */
  readonly folder: string | URL
  /** What a module with Drizzle tables exports. Without it they are not compared. Needs drizzle-kit. */
  readonly entities?: Readonly<Record<string, unknown>>
  /** Url of a server where a database for comparison may be made. Default: an embedded PostgreSQL. */
  readonly scratch?: string
  /** What it does on the scratch server; what it throws ends the work. */
  readonly onProgress?: (progress: ScratchProgress) => void
}

export interface MigrationCheck {
  /** Objects that are not as the applied migrations make them. */
  readonly drift: readonly CatalogDifference[]
  /** Migrations whose file was changed after it ran, that are gone from the folder, that stopped half way. */
  readonly conflicts: readonly MigrationStatus[]
  /** Ids of migrations the database does not have yet. */
  readonly pending: readonly string[]
  /** What changed in the entities and no migration says yet: things that are gone, else statements. */
  readonly ungenerated: readonly string[]
  /** Major versions. Where they differ, PostgreSQL may word the same definition in two ways. */
  readonly versions: { readonly database: number; readonly scratch: number }
}

/**
 * Compares a database with what the migrations it has make in an empty one, by the catalog: tables, columns, indexes,
 * constraints, types, sequences, views, functions, triggers and policies, but no rows, rights, comments or the order of
 * columns. Schemas that no migration made are passed over, and so are extensions that nobody asked for and the table of
 * a tool that migrated the database before.
 *
 *     const { drift, conflicts, ungenerated } = await checkMigrations(db, { folder: 'migrations', entities })
 *
 * Changes nothing. Throws MigrationFailed when the migrations do not run on the scratch database.
 */
export async function checkMigrations(db: Database, options: CheckOptions): Promise<MigrationCheck> {
  const { folder, entities } = options
  const status = await migrationStatus(db, { folder })
  const migrations = await readMigrations(folder)
  const applied = new Set(status.filter(({ state }) => hasRun.has(state)).map(({ id }) => id))
  const found = await readCatalogState(db)
  await using scratch = await openScratch(options.scratch, options.onProgress)
  const database = await scratch.create()
  const made = migrations.filter(({ id }) => applied.has(id))
  const expected = await runOnScratch(scratch, database, made, 'up')
  return {
    drift: catalogDifferences(expected, concerning(expected, found)).filter((one) => !isNewPartition(one)),
    conflicts: status
      .filter(({ state }) => !hasRun.has(state) && state !== 'pending')
      .concat(status.filter(({ state }) => state === 'changed')),
    pending: status.filter(({ state }) => state === 'pending').map(({ id }) => id),
    ungenerated: entities === undefined ? [] : await ungenerated(migrations, entities),
    versions: { database: await majorOf(db), scratch: await majorOf(database) },
  }
}

/** A changed file ran as it was then; what that made of the database is compared with what it would make now. */
const hasRun: ReadonlySet<string> = new Set(['applied', 'changed', 'squashed'])

/** Extensions like pg_stat_statements, and the schema of a job queue, belong to others. */
function concerning(expected: CatalogState, found: CatalogState): CatalogState {
  const schemas = new Set([...expected.values()].filter(({ kind }) => kind === 'schema').map(({ name }) => name))
  const isConcerned = ({ kind, name }: CatalogObject): boolean =>
    kind !== 'extension' && schemas.has(kind === 'schema' ? name : schemaOf(name))
  const tables = toolTables(found)
  const isOfTool = ({ name, definition }: CatalogObject): boolean =>
    tables.some((table) => `${name}.`.startsWith(`${table}.`) || definition.includes(` owned by ${table}.`))
  return new Map([...found].filter(([key, one]) => expected.has(key) || (isConcerned(one) && !isOfTool(one))))
}

/** They stay after a baseline and no migration makes them. Known by their columns, for they may have another name. */
function toolTables(found: CatalogState): string[] {
  const columns = new Map<string, string[]>()
  for (const { kind, name } of found.values()) {
    const [, table = '', column = ''] = /^(.+)\.("(?:[^"]|"")+"|[^."]+)$/.exec(name) ?? []
    if (kind === 'column') columns.set(table, [...(columns.get(table) ?? []), column.replaceAll('"', '')])
  }
  return [...columns].filter(([, names]) => areToolColumns(names)).map(([table]) => table)
}

function schemaOf(name: string): string {
  return /^(?:"(?:[^"]|"")+"|[^.]+)/.exec(name)?.[0] ?? name
}

async function ungenerated(
  migrations: readonly Migration[],
  entities: Readonly<Record<string, unknown>>,
): Promise<string[]> {
  const engine = await drizzleEngine()
  const [from, to] = [await lastSnapshot(migrations, engine), await engine.snapshot(entities)]
  const { questions, up } = await engine.difference(from, to, { renames: [], drops: [] })
  const gone = questions.map(({ object, removed }) => `${object} ${removed} is gone, or has another name`)
  return [...gone, ...up]
}

async function majorOf(on: Queryable): Promise<number> {
  const { major } = await on.one<{ major: number }>(
    `select current_setting('server_version_num')::int / 10000 as major`,
  )
  return major
}

/** Partitions are often added by a job at night; one that is gone, or has other bounds, is drift all the same. */
function isNewPartition({ kind, expected, found = '' }: CatalogDifference): boolean {
  return kind === 'table' && expected === undefined && found.includes(' partition of ')
}
