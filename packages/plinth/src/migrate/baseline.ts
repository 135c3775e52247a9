import type { Database, Transaction } from '../database/queryable.ts'
import { PlinthError } from '../errors.ts'
import type { Compared } from './comparison.ts'
import type { MigrateOptions } from './migrate-options.ts'
import { noteChange, recordApplied } from './migration-record.ts'
import type { Migration } from './migration.ts'
import { type MigrationTool, readToolMigrations, type ToolMigration } from './other-tools.ts'
import { withRunner } from './runner.ts'

export interface BaselineOptions extends Pick<MigrateOptions, 'folder' | 'lockWaitMs' | 'onProgress' | 'signal'> {
  /** Number of the last migration that the database has already. Default: the first of the folder. */
  readonly to?: number
  /** The tool that made the database so far: all that its table names must be done. */
  readonly from?: MigrationTool
  /** Its table, `table` or `schema.table`. Default: what the tool calls it by itself. */
  readonly table?: string
}

export interface Baseline {
  /** What counts as applied from now on. */
  readonly baseline: readonly Migration[]
  /** What the other tool had run. */
  readonly adopted: readonly ToolMigration[]
}

/**
 * Adopts a database that is there already: records the first migration, or those up to `to`, as applied and runs none.
 * The migrations of the tool that made it stay in its own table, and need not be kept.
 *
 *     await baselineMigrations(db, { folder, from: 'prisma' })
 *
 * Throws MigrationConflict where migrations were run here before, or one of the other tool's failed.
 */
export async function baselineMigrations(db: Database, options: BaselineOptions): Promise<Baseline> {
  return await withRunner(db, options, async ({ session }, compared) => {
    const baseline = choose(compared, options.to)
    const adopted = options.from ? await readToolMigrations(session, options.from, options.table) : []
    const note = adopted.length > 0 ? `${options.from}: ${adopted.length}, the last ${adopted.at(-1)?.name}` : undefined
    const record = async (tx: Transaction): Promise<void> => {
      for (const migration of baseline) {
        await recordApplied(tx, migration)
        await noteChange(tx, migration, 'baseline', { note })
      }
    }
    await session.transaction(record, { name: 'baseline' })
    return { baseline, adopted }
  })
}

function choose(compared: readonly Compared[], to: number | undefined): readonly Migration[] {
  const recorded = compared.find(({ record }) => record)
  if (recorded) {
    throw new PlinthError('MigrationConflict', `${recorded.id} was run on this database: it needs no baseline.`, {
      hint: 'plinth migrate status shows what it has; plinth migrate resolve records a single one.',
    })
  }
  const migrations = compared.flatMap(({ migration }) => migration ?? [])
  const last = to ?? migrations[0]?.number
  if (last !== undefined && migrations.some(({ number }) => number === last))
    return migrations.filter(({ number }) => number <= last)
  throw new PlinthError('InvalidOption', last === undefined ? 'The folder holds no migration.' : notThere(last), {
    hint: 'The first migration makes what the database has already: plinth migrate generate, or create.',
  })
}

function notThere(number: number): string {
  return `to is ${number}; the folder has no migration with that number.`
}
