import { type Database, isPlinthError } from 'plinth'
import type { Finding } from 'plinth/inspect'
import { checkMigrations, describeDifference, migrationStatus, type MigrationState } from 'plinth/migrate'

const broken: readonly MigrationState[] = ['broken', 'running', 'changed', 'missing', 'skipped']

/** Where the migrations of a folder stand in a database; a folder that is wrong is a finding too. */
export async function migrationFinding(database: Database, folder: string): Promise<Finding> {
  const name = 'migrations'
  try {
    const all = await migrationStatus(database, { folder })
    const wrong = all.filter(({ state }) => broken.includes(state))
    const pending = all.filter(({ state }) => state === 'pending')
    if (all.length === 0) return { name, status: 'ok', found: `none in ${folder}` }
    if (wrong.length > 0) {
      const found = wrong.map(({ id, state }) => `${id} ${state}`).join(', ')
      return { name, status: 'fail', found, advice: 'See plinth migrate status, and docs/guides/migrations.md.' }
    }
    if (pending.length === 0) return { name, status: 'ok', found: `all ${all.length} applied` }
    return { name, status: 'warn', found: `${pending.length} of ${all.length} pending`, advice: 'plinth migrate run' }
  } catch (error) {
    if (!isPlinthError(error)) throw error
    return { name, status: 'fail', found: error.message, ...(error.hint === undefined ? {} : { advice: error.hint }) }
  }
}

/** Compares with what the migrations make in an empty database, which takes a PostgreSQL of its own and seconds. */
export async function driftFinding(database: Database, folder: string): Promise<Finding> {
  const name = 'drift'
  const { drift } = await checkMigrations(database, { folder })
  const [first] = drift
  if (first === undefined) return { name, status: 'ok', found: 'none: the database is what its migrations make' }
  const rest = drift.length === 1 ? '' : ` and ${drift.length - 1} more`
  const advice = 'See plinth migrate check; write what was done by hand into a migration.'
  return {
    name,
    status: 'fail',
    found: `${describeDifference(first, 'the migrations', 'the database')}${rest}`,
    advice,
  }
}
