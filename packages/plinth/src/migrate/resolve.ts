import type { Database, Transaction } from '../database/queryable.ts'
import { PlinthError } from '../errors.ts'
import type { Compared } from './comparison.ts'
import type { MigrateOptions } from './migrate-options.ts'
import { type MigrationRecord, noteChange, recordApplied, removeRecord } from './migration-record.ts'
import type { Migration } from './migration.ts'
import { withRunner } from './runner.ts'

export interface ResolveOptions extends Pick<MigrateOptions, 'folder' | 'lockWaitMs' | 'onProgress' | 'signal'> {
  readonly number: number
  /** What is true of the database by now: it has all of the migration, or nothing of it. */
  readonly as: 'applied' | 'reverted'
}

/**
 * Records what somebody did by hand, and runs nothing: after a migration without a transaction that stopped half way, a
 * file that was changed without effect, a migration that was renamed. `applied` takes the file as it is now.
 *
 *     await resolveMigration(db, { folder, number: 7, as: 'applied' })
 *
 * Throws InvalidOption for a number that neither folder nor database has.
 */
export async function resolveMigration(db: Database, options: ResolveOptions): Promise<void> {
  const { number, as } = options
  await withRunner(db, options, async ({ session }, compared) => {
    const found = compared.filter((one) => one.number === number)
    const migration = as === 'applied' ? inFolder(compared, number) : undefined
    const about = migration ?? recordOf(found, number)
    const note = `As ${as}; it was ${found.map(describe).join(' and ')}.`
    const resolve = async (tx: Transaction): Promise<void> => {
      await (migration ? recordApplied(tx, migration) : removeRecord(tx, number))
      await noteChange(tx, about, 'resolve', { note })
    }
    await session.transaction(resolve, { name: `resolve ${number}` })
  })
}

function describe({ id, state, record }: Compared): string {
  return `${id}, ${state}${record?.error ? `: ${record.error}` : ''}`
}

function inFolder(compared: readonly Compared[], number: number): Migration {
  const migration = compared.find((one) => one.number === number && one.migration)?.migration
  if (migration) return migration
  throw new PlinthError('InvalidOption', `number is ${number}; the folder has no migration with that number.`)
}

function recordOf(found: readonly Compared[], number: number): MigrationRecord {
  const record = found.find((one) => one.record)?.record
  if (record) return record
  throw new PlinthError('InvalidOption', `number is ${number}; this database has run no migration with that number.`)
}
