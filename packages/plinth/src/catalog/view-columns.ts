import type { Key, KeyColumns } from './key-rows.ts'
import type { RelationRow } from './relation-rows.ts'
import type { Appearance, FindAppearances } from './relationships.ts'
import { type Origin, readOrigins } from './view-definition.ts'
import type { ViewRow } from './view-rows.ts'

export interface View {
  readonly id: number
  readonly columns: readonly string[]
  readonly origins: ReadonlyMap<number, Origin>
}

/** The definition can be long, and is not kept. */
export function readView({ id, columns, definition }: ViewRow): View {
  return { id, columns, origins: readOrigins(definition) }
}

/** What a view shows of one table: the names its columns have there, by the column's number in the table. */
type Shown = Map<number, string[]>

/** By table, in the order in which the view's columns come. */
type ShownTables = ReadonlyMap<number, Shown>

export type TracedViews = ReadonlyMap<number, ShownTables>

/** By view. Columns of a view that shows a view are traced to the table, as far as `views` has those between. */
export function traceViews(views: readonly View[]): TracedViews {
  const byId = new Map(views.map((view) => [view.id, view]))
  return new Map(views.map((view) => [view.id, tablesOf(view, byId)]))
}

function tablesOf(view: View, views: ReadonlyMap<number, View>): ShownTables {
  const tables = new Map<number, Shown>()
  for (const [at, column] of view.columns.entries()) {
    const origin = trace(view.origins.get(at + 1), views)
    if (origin === undefined) continue
    const shown = tables.get(origin.id) ?? new Map<number, string[]>()
    shown.set(origin.number, [...(shown.get(origin.number) ?? []), column])
    tables.set(origin.id, shown)
  }
  return tables
}

/** `create or replace view` can make views show each other in a ring, which no query can read. */
function trace(origin: Origin | undefined, views: ReadonlyMap<number, View>): Origin | undefined {
  const passed = new Set<number>()
  let at = origin
  while (at !== undefined) {
    const view = views.get(at.id)
    if (view === undefined) return at
    if (passed.has(at.id)) return undefined
    passed.add(at.id)
    at = view.origins.get(at.number)
  }
  return undefined
}

/** In the tables themselves and in the views that show all columns of a key; `relations` are those of the catalog. */
export function findAppearances(relations: readonly RelationRow[], traced: TracedViews): FindAppearances {
  const views = [...traced].flatMap(([id, tables]) => [...tables].map(([table, shown]) => ({ id, table, shown })))
  const byTable = Map.groupBy(views, ({ table }) => table)
  const names = new Map(relations.map(({ id, schema, name }) => [id, { schema, name }]))
  const appear = (id: number, columns: readonly string[]): Appearance[] => {
    const relation = names.get(id)
    return relation === undefined ? [] : [{ id, relation, columns }]
  }
  return ({ id, columns, numbers }) => [
    ...appear(id, columns),
    ...(byTable.get(id) ?? []).flatMap((view) => namings(numbers, view.shown).flatMap((one) => appear(view.id, one))),
  ]
}

/** A view can show a column several times: each choice of one name for each column. None when a column is missing. */
function namings(numbers: readonly number[], shown: Shown): readonly (readonly string[])[] {
  return numbers.reduce<readonly (readonly string[])[]>(
    (chosen, number) => chosen.flatMap((names) => (shown.get(number) ?? []).map((name) => [...names, name])),
    [[]],
  )
}

/**
 * What tells one row of a view from another: the primary keys of the tables it shows one of. Of several copies of a
 * column the first is taken.
 */
export function viewPrimaryKeys(traced: TracedViews, keys: readonly Key[]): ReadonlyMap<number, readonly string[]> {
  const ofTables = new Map(keys.filter(({ target }) => target === undefined).map(({ of }) => [of.id, of]))
  const keyIn = ([table, shown]: [number, Shown]): readonly string[] => shownKey(ofTables.get(table), shown)
  return new Map([...traced].map(([id, tables]) => [id, [...tables].flatMap(keyIn)]))
}

function shownKey(key: KeyColumns | undefined, shown: Shown): readonly string[] {
  const names = key?.numbers.flatMap((number) => shown.get(number)?.slice(0, 1) ?? []) ?? []
  return names.length === key?.numbers.length ? names : []
}
