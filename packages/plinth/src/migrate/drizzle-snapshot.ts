import type { Snapshot } from './diff-engine.ts'

export interface SnapshotObject {
  /** Schema, table where there is one, name. Of a schema its name alone. */
  readonly path: readonly string[]
  /** Everything but its place and name, to know it again under another. */
  readonly definition: string
  /** Of an index: to be built without stopping writes. */
  readonly isConcurrent: boolean
  /** Of a column. */
  readonly isGenerated: boolean
}

type Entry = Readonly<Record<string, unknown>>

/** What drizzle-kit calls a kind in its hints, and in its snapshots. */
const entityTypes: ReadonlyMap<string, string> = new Map([
  ['schema', 'schemas'],
  ['table', 'tables'],
  ['column', 'columns'],
  ['enum', 'enums'],
  ['sequence', 'sequences'],
  ['index', 'indexes'],
  ['unique', 'uniques'],
  ['check', 'checks'],
  ['primary_key', 'pks'],
  ['foreign key', 'fks'],
  ['role', 'roles'],
])

/** The objects of one kind that a snapshot of drizzle-kit holds. Kinds that we know nothing of have none. */
export function inSnapshot(snapshot: Snapshot, kind: string): SnapshotObject[] {
  const type = entityTypes.get(kind)
  return entries(snapshot)
    .filter((entry) => entry['entityType'] === type)
    .map(objectOf)
}

/** The same snapshot before these indexes were made. */
export function withoutIndexes(snapshot: Snapshot, indexes: readonly SnapshotObject[]): Snapshot {
  const left = new Set(indexes.map(({ path }) => path.join('\0')))
  const isLeft = (entry: Entry): boolean => entry['entityType'] === 'indexes' && left.has(pathOf(entry).join('\0'))
  // Two snapshots of one history may not share their id.
  return { ...snapshot, id: crypto.randomUUID(), ddl: entries(snapshot).filter((entry) => !isLeft(entry)) }
}

/** Columns as [schema, table, name], with their PostgreSQL type as drizzle-kit writes it. */
function objectOf(entry: Entry): SnapshotObject {
  const { schema: _schema, table: _table, name: _name, nameExplicit: _explicit, ...definition } = entry
  return {
    path: pathOf(entry),
    definition: JSON.stringify(definition),
    isConcurrent: entry['concurrently'] === true,
    isGenerated: typeof entry['generated'] === 'object' && entry['generated'] !== null,
  }
}

function pathOf({ schema, table, name }: Entry): string[] {
  return [schema, table, name].filter((part) => typeof part === 'string')
}

function entries(snapshot: Snapshot): Entry[] {
  const { ddl } = snapshot
  return Array.isArray(ddl) ? ddl.filter(isEntry) : []
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null
}
