import type { ColumnPair } from '../operation/operation.ts'
import type { QualifiedName, Relationship } from './catalog.ts'
import type { Key, KeyColumns } from './key-rows.ts'
import type { RowFunctionRow } from './function-rows.ts'

/** A key of a table, as it stands in the table itself or in a view that shows its columns. */
export interface Appearance {
  readonly id: number
  readonly relation: QualifiedName
  readonly columns: readonly string[]
}

export type FindAppearances = (key: KeyColumns) => readonly Appearance[]

/** A foreign key from the relation that has it, or a view of that, to the one it refers to, or a view of that. */
interface Reference {
  readonly name: string
  readonly isUnique: boolean
  readonly from: Appearance
  readonly to: Appearance
}

type Found = Map<number, Relationship[]>

/**
 * The relationships of every relation, by its id: the references themselves, their opposites, and those through a
 * junction. Both sides of each are relations of the catalog; what stands elsewhere has no appearance.
 */
export async function findRelationships(
  keys: readonly Key[],
  appearances: FindAppearances,
  primaryKeys: ReadonlyMap<number, readonly string[]>,
  betweenSteps: () => Promise<void>,
): Promise<Found> {
  const found: Found = new Map()
  const junctions = new Map<number, Reference[]>()
  for (const key of keys) {
    for (const reference of referencesOf(key, appearances)) {
      add(found, reference.from.id, towards(reference))
      add(found, reference.to.id, opposite(reference))
      add(junctions, reference.from.id, reference)
    }
    await betweenSteps()
  }
  for (const [id, references] of junctions) {
    addThrough(found, references, primaryKeys.get(id) ?? [])
    await betweenSteps()
  }
  return found
}

function referencesOf({ name, isUnique, of, target }: Key, appearances: FindAppearances): Reference[] {
  if (target === undefined) return []
  const targets = appearances(target)
  return appearances(of).flatMap((from) => targets.map((to) => ({ name, isUnique, from, to })))
}

function towards({ name, isUnique, from, to }: Reference): Relationship {
  const cardinality = isUnique ? 'one to one' : 'many to one'
  return { names: [name], to: to.relation, cardinality, rows: 'one', join: byColumns(from, to) }
}

function opposite({ name, isUnique, from, to }: Reference): Relationship {
  return {
    names: [name],
    to: from.relation,
    cardinality: isUnique ? 'one to one' : 'one to many',
    rows: isUnique ? 'one' : 'many',
    join: byColumns(to, from),
  }
}

function byColumns(ours: Appearance, theirs: Appearance): Relationship['join'] {
  return { kind: 'columns', on: pairs(ours.columns, theirs.columns) }
}

function pairs(ours: readonly string[], theirs: readonly string[]): readonly ColumnPair[] {
  return ours.map((column, at) => [column, theirs[at] ?? ''])
}

/**
 * A junction is a relation with two references whose columns are in its primary key, among others or alone. A reference
 * that is a key by itself makes no junction: each row of the other side has one of it at most.
 */
function addThrough(found: Found, references: readonly Reference[], primaryKey: readonly string[]): void {
  const inKey = references.filter(
    ({ isUnique, from }) => !isUnique && from.columns.every((column) => primaryKey.includes(column)),
  )
  for (const near of inKey)
    for (const far of inKey) if (near.name !== far.name) add(found, near.to.id, through(near, far))
}

function through(near: Reference, far: Reference): Relationship {
  return {
    names: [near.name, far.name],
    to: far.to.relation,
    cardinality: 'many to many',
    rows: 'many',
    join: {
      kind: 'through',
      relation: near.from.relation,
      on: pairs(near.to.columns, near.from.columns),
      to: pairs(far.from.columns, far.to.columns),
    },
  }
}

function add<T>(lists: Map<number, T[]>, id: number, one: T): void {
  const list = lists.get(id)
  if (list === undefined) lists.set(id, [one])
  else list.push(one)
}

/**
 * In the order PostgREST tells them when a request could mean several. A function named like a relation beside it takes
 * the place of what was found to that.
 */
export function arrangeRelationships(
  found: readonly Relationship[],
  functions: readonly RowFunctionRow[],
): readonly Relationship[] {
  const computed = functions.flatMap(toComputed)
  const replaced = new Set(computed.flatMap(({ join }) => (join.kind === 'function' ? [keyOf(join.function)] : [])))
  return [...found.filter(({ to }) => !replaced.has(keyOf(to))), ...computed]
    .map((relationship) => ({ relationship, place: placeOf(relationship) }))
    .toSorted((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ relationship }) => relationship)
}

function toComputed({ schema, name, rows, target }: RowFunctionRow): Relationship[] {
  if (target === null) return []
  const join = { kind: 'function', function: { schema, name } } as const
  return [{ names: [name], to: target, cardinality: 'computed', rows, join }]
}

function keyOf({ schema, name }: QualifiedName): string {
  return `${schema}\u0000${name}`
}

const ranks: Readonly<Record<Relationship['cardinality'], number>> = {
  'one to many': 1,
  'many to one': 2,
  'one to one': 3,
  'many to many': 4,
  computed: 5,
}

/** A text that sorts before another as the relationship does; U+0000 is in no name and sorts before each. */
function placeOf({ to, names, cardinality, join }: Relationship): string {
  const between = join.kind === 'through' ? [join.relation.schema, join.relation.name] : []
  const first = cardinality === 'computed' ? 'computed' : ''
  const place = [first, to.schema, to.name, String(ranks[cardinality]), ...between, ...names, JSON.stringify(join)]
  return place.join('\u0000')
}
