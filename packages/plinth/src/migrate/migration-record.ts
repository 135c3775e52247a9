import type { Queryable, Session, Transaction } from '../database/queryable.ts'
import type { Direction } from './migrate-options.ts'
import type { Migration } from './migration.ts'

/** A row of plinth.migration. */
export interface MigrationRecord {
  readonly number: number
  /** `0001_add_users`. */
  readonly id: string
  readonly checksum: string
  readonly state: 'applied' | 'running' | 'broken'
  readonly direction: Direction
  /** Where it stopped, from 1; of a file without a transaction. */
  readonly statement: number | null
  readonly error: string | null
  readonly appliedAt: Date
  readonly durationMs: number
  /** User and application_name. */
  readonly appliedBy: string
}

export type Change = 'run' | 'revert' | 'break' | 'resolve' | 'baseline' | 'squash'

/** In the order of their numbers; none where the tables are not installed yet. */
export async function readRecords(on: Queryable): Promise<readonly MigrationRecord[]> {
  if (!(await isInstalled(on))) return []
  const { rows } = await on.query<MigrationRecord>(
    `select number, name as id, checksum, state, direction, statement, error, applied_at as "appliedAt",
      duration_ms as "durationMs", applied_by as "appliedBy" from plinth.migration order by number`,
  )
  return rows
}

export async function isInstalled(on: Queryable): Promise<boolean> {
  const { made } = await on.one<{ made: boolean }>(`select to_regclass('plinth.migration') is not null as made`)
  return made
}

type About = Pick<Migration, 'number' | 'id' | 'checksum'>

/** The migration is whole. Replaces what was recorded of its number. */
export async function recordApplied(on: Transaction, { number, id, checksum }: About, durationMs = 0): Promise<void> {
  await on.query('delete from plinth.migration where number = $1', [number])
  await on.query(
    'insert into plinth.migration (number, name, checksum, state, duration_ms) values ($1, $2, $3, $4, $5)',
    [number, id, checksum, 'applied', durationMs],
  )
}

export async function removeRecord(on: Transaction, number: number): Promise<void> {
  await on.query('delete from plinth.migration where number = $1', [number])
}

export async function noteChange(
  on: Transaction,
  { number, id }: Pick<Migration, 'number' | 'id'>,
  change: Change,
  { durationMs = 0, note }: { readonly durationMs?: number; readonly note?: string | undefined } = {},
): Promise<void> {
  await on.query(
    'insert into plinth.migration_history (number, name, change, duration_ms, note) values ($1, $2, $3, $4, $5)',
    [number, id, change, durationMs, note ?? null],
  )
}

/** Before the first statement of a file without a transaction: if its runner dies, this is what is found. */
export async function recordRunning(on: Session, about: About, direction: Direction): Promise<void> {
  const { number, id, checksum } = about
  if (direction === 'up') {
    await on.query(
      `insert into plinth.migration (number, name, checksum, state, statement) values ($1, $2, $3, 'running', 1)`,
      [number, id, checksum],
    )
  } else {
    await on.query(
      `update plinth.migration set state = 'running', direction = 'down', statement = 1, error = null
        where number = $1`,
      [number],
    )
  }
}

export async function recordStatement(on: Session, number: number, statement: number): Promise<void> {
  await on.query('update plinth.migration set statement = $2 where number = $1', [number, statement])
}

export async function recordBroken(on: Transaction, about: About, error: string): Promise<void> {
  await on.query(`update plinth.migration set state = 'broken', error = $2 where number = $1`, [about.number, error])
  await noteChange(on, about, 'break', { note: error })
}

/** As it was before `recordRunning`: its first statement failed and was undone. */
export async function recordUntouched(on: Transaction, number: number, direction: Direction): Promise<void> {
  if (direction === 'up') return removeRecord(on, number)
  await on.query(
    `update plinth.migration set state = 'applied', direction = 'up', statement = null where number = $1`,
    [number],
  )
}
