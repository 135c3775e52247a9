import { existsSync } from 'node:fs'
import { type Database, isPlinthError } from 'plinth'
import type { Finding } from 'plinth/inspect'
import {
  checkMigrations,
  describeDifference,
  type MigrationCheck,
  type MigrationState,
  type MigrationStatus,
  migrationStatus,
} from 'plinth/migrate'
import { loadEntities } from '../config/load-entities.ts'
import { withoutSecrets } from '../terminal/secrets.ts'

export interface MigrationsAsked {
  readonly folder: string
  /** Whether the folder was named: by the command line or the configuration. */
  readonly isNamed: boolean
  /** The comparison runs the migrations on a PostgreSQL of its own: about a second, or as long as they take. */
  readonly withDrift: boolean
  /** Module with the Drizzle tables. Absent: they are not compared. */
  readonly entities: string | undefined
  readonly scratch?: string
}

const broken: readonly MigrationState[] = ['broken', 'running', 'changed', 'missing', 'skipped']

/** Where the migrations of a folder stand in a database, and whether it is still what they make. */
export async function migrationFindings(database: Database, asked: MigrationsAsked): Promise<Finding[]> {
  const { folder, isNamed, withDrift } = asked
  if (!isNamed && !existsSync(folder)) {
    // A project that has none, or another folder than its own.
    return [{ name: 'migrations', status: 'note', found: `no folder ${folder} where this was started` }]
  }
  try {
    const all = await migrationStatus(database, { folder })
    const standing = standingOf(all, folder)
    // Nothing ran yet: there is nothing it could have drifted from.
    if (!withDrift || all.every(({ state }) => state === 'pending')) return [standing]
    return [standing, ...(await driftFindings(database, asked))]
  } catch (error) {
    return [findingOf('migrations', 'fail', '', error)]
  }
}

function standingOf(all: readonly MigrationStatus[], folder: string): Finding {
  const name = 'migrations'
  const wrong = all.filter(({ state }) => broken.includes(state))
  const pending = all.filter(({ state }) => state === 'pending')
  if (all.length === 0) return { name, status: 'ok', found: `none in ${folder}` }
  if (wrong.length > 0) {
    const found = wrong.map(({ id, state }) => `${id} ${state}`).join(', ')
    return { name, status: 'fail', found, advice: 'See plinth migrate status, and docs/guides/migrations.md.' }
  }
  if (pending.length === 0) return { name, status: 'ok', found: `all ${all.length} applied` }
  return { name, status: 'warn', found: `${pending.length} of ${all.length} pending`, advice: 'plinth migrate run' }
}

/** A comparison that is not possible, for want of a server or of an extension, must not cost the rest of the page. */
async function driftFindings(database: Database, { folder, entities, scratch }: MigrationsAsked): Promise<Finding[]> {
  try {
    const check = await checkMigrations(database, {
      folder,
      ...(entities !== undefined && { entities: await loadEntities(entities) }),
      ...(scratch !== undefined && { scratch }),
    })
    return [driftOf(check), ...(entities === undefined ? [] : [entitiesOf(check)])]
  } catch (error) {
    return [findingOf('drift', 'warn', 'not compared: ', error)]
  }
}

function driftOf({ drift }: MigrationCheck): Finding {
  const name = 'drift'
  const [first] = drift
  if (first === undefined) return { name, status: 'ok', found: 'none: the database is what its migrations make' }
  const found = `${describeDifference(first, 'the migrations', 'the database')}${more(drift)}`
  const advice = 'See plinth migrate check; write what was done by hand into a migration.'
  return { name, status: 'fail', found, advice }
}

function entitiesOf({ ungenerated }: MigrationCheck): Finding {
  const name = 'entities'
  const [first] = ungenerated
  if (first === undefined) return { name, status: 'ok', found: 'as the migrations have them' }
  const found = `no migration makes: ${first}${more(ungenerated)}`
  return { name, status: 'warn', found, advice: 'plinth migrate generate NAME' }
}

function more(list: readonly unknown[]): string {
  return list.length === 1 ? '' : ` and ${list.length - 1} more`
}

function findingOf(name: string, status: Finding['status'], before: string, error: unknown): Finding {
  if (!isPlinthError(error)) throw error
  const advice = error.hint === undefined ? {} : { advice: error.hint }
  return { name, status, found: withoutSecrets(`${before}${error.message}`), ...advice }
}
