import type { MigrationRecord } from './migration-record.ts'
import type { Migration } from './migration.ts'

/**
 * Where a migration stands, by its folder and its record in the database.
 *
 * | state | folder | record |
 * |---|---|---|
 * | applied | there | whole, and of the same file |
 * | pending | there | none, and none of a later one |
 * | skipped | there | none, although a later one has one |
 * | changed | there | whole, of another file |
 * | missing | gone | there |
 * | newer | ends before it | there |
 * | squashed | there | none, but those of all it stands for |
 * | running | | a file without a transaction is under way, or its runner died |
 * | broken | | its statement failed |
 */
export type MigrationState =
  | 'applied'
  | 'pending'
  | 'skipped'
  | 'changed'
  | 'missing'
  | 'newer'
  | 'squashed'
  | 'running'
  | 'broken'

/** One of the two at least is there. */
export interface Compared {
  readonly state: MigrationState
  readonly number: number
  readonly id: string
  readonly migration: Migration | undefined
  readonly record: MigrationRecord | undefined
}

/** Folder and database side by side, in the order of the numbers. */
export function compare(migrations: readonly Migration[], records: readonly MigrationRecord[]): readonly Compared[] {
  const squashed = migrations.filter((one) => isSquashed(one, records))
  const replaced = new Set(squashed.flatMap(({ replaces }) => replaces.map(({ id }) => id)))
  const ofId = new Map(records.map((record) => [record.id, record]))
  const lastRecorded = records.at(-1)?.number ?? 0
  const inFolder = migrations.map((migration): Compared => {
    const { number, id } = migration
    const record = ofId.get(id)
    const without = squashed.includes(migration) ? 'squashed' : number < lastRecorded ? 'skipped' : 'pending'
    return { state: record ? stateOf(migration, record) : without, number, id, migration, record }
  })
  const ids = new Set(migrations.map(({ id }) => id))
  const lastNumber = migrations.at(-1)?.number ?? 0
  const others = records.filter(({ id }) => !ids.has(id) && !replaced.has(id))
  const onlyRecorded = others.map((record): Compared => {
    const { number, id, state } = record
    const isGone = number > lastNumber ? 'newer' : 'missing'
    return { state: state === 'applied' ? isGone : state, number, id, migration: undefined, record }
  })
  return [...inFolder, ...onlyRecorded].sort((a, b) => a.number - b.number)
}

function stateOf({ checksum }: Migration, record: MigrationRecord): MigrationState {
  if (record.state !== 'applied') return record.state
  return record.checksum === checksum ? 'applied' : 'changed'
}

/** The database has all that it stands for, file by file. */
function isSquashed({ replaces }: Migration, records: readonly MigrationRecord[]): boolean {
  const has = ({ id, checksum }: Migration['replaces'][number]): boolean =>
    records.some((record) => record.id === id && record.checksum === checksum && record.state === 'applied')
  return replaces.length > 0 && replaces.every(has)
}
