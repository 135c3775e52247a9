import { setImmediate } from 'node:timers/promises'
import type { Queryable } from '../database/queryable.ts'
import type { Value } from '../operation/value.ts'
import type { Catalog, CatalogFunction, CatalogRelation } from './catalog.ts'
import {
  functionsText,
  type HandlerRow,
  handlersText,
  readComputed,
  readFunction,
  readHandler,
  type RowFunctionRow,
  rowFunctionsText,
} from './function-rows.ts'
import { type KeyRow, keysText, viewsText } from './key-rows.ts'
import { readRelation, type PlainRelation, type RelationRow, relationsText } from './relation-rows.ts'
import { arrangeRelationships, findRelationships } from './relationships.ts'
import { findAppearances, readView, type TracedViews, traceViews, type View, viewPrimaryKeys } from './view-columns.ts'

/**
 * Rows fetched and read at a time. Reading them is a few milliseconds of JavaScript, and between two batches whatever
 * else the process does has its turn.
 */
const BATCH_ROWS = 100

/** The names `set time zone` takes besides offsets and abbreviations. */
const timeZonesText = 'select name from pg_catalog.pg_timezone_names order by name collate "C"'

interface Facts {
  readonly relations: ReadonlyMap<number, PlainRelation>
  readonly keys: readonly KeyRow[]
  readonly views: readonly View[]
  readonly functions: readonly CatalogFunction[]
  readonly rowFunctions: readonly RowFunctionRow[]
  readonly handlers: readonly HandlerRow[]
  readonly timeZones: readonly string[]
}

/**
 * Reads what the schemas hold, and what belongs to it in `extraSearchPath`: functions of a row, views that views are
 * made of. A transaction `repeatable read` shows all as at one moment; a database reads each part as it finds it. Types
 * and defaults are written with their schema, so that they mean the same in any search path.
 */
export async function loadCatalog(
  from: Queryable,
  schemas: readonly string[],
  extraSearchPath: readonly string[] = [],
): Promise<Catalog> {
  const facts = await readFacts(from, schemas, extraSearchPath)
  const functions = new Map<string, Map<string, readonly CatalogFunction[]>>(schemas.map((name) => [name, new Map()]))
  for (const one of facts.functions) {
    const named = functions.get(one.schema)
    named?.set(one.name, [...(named.get(one.name) ?? []), one])
  }
  return {
    schemas,
    relations: await joinRelations(facts, schemas),
    functions,
    timeZones: new Set(facts.timeZones),
    handlers: facts.handlers.filter(({ of }) => of === null).map(readHandler),
  }
}

async function readFacts(
  from: Queryable,
  schemas: readonly string[],
  extraSearchPath: readonly string[],
): Promise<Facts> {
  const relations = await readRows(from, relationsText, [schemas], toRelation)
  return {
    relations: new Map(relations),
    keys: await readRows<KeyRow>(from, keysText, []),
    views: await readRows(from, viewsText, [[...schemas, ...extraSearchPath]], readView),
    functions: await readRows(from, functionsText, [schemas], readFunction),
    rowFunctions: await readRows<RowFunctionRow>(from, rowFunctionsText, [schemas, extraSearchPath]),
    handlers: await readRows<HandlerRow>(from, handlersText, [schemas]),
    timeZones: await readRows(from, timeZonesText, [], ({ name }: { readonly name: string }) => name),
  }
}

function toRelation(row: RelationRow): [number, PlainRelation] {
  return [row.id, readRelation(row)]
}

function readRows<Row>(from: Queryable, text: string, values: readonly Value[]): Promise<Row[]>
function readRows<Row, R>(from: Queryable, text: string, values: readonly Value[], read: (row: Row) => R): Promise<R[]>
async function readRows<Row>(
  from: Queryable,
  text: string,
  values: readonly Value[],
  read: (row: Row) => unknown = (row) => row,
): Promise<unknown[]> {
  const rows: unknown[] = []
  const options = { settings: { search_path: '' }, batchRows: BATCH_ROWS }
  for await (const row of from.stream<Row>(text, values, options)) rows.push(read(row))
  return rows
}

async function joinRelations(facts: Facts, schemas: readonly string[]): Promise<Catalog['relations']> {
  const relations = new Map<string, Map<string, CatalogRelation>>(schemas.map((schema) => [schema, new Map()]))
  const isRead = ({ schema, target }: RowFunctionRow): boolean =>
    relations.has(schema) && target !== null && relations.has(target.schema)
  const traced = traceViews(facts.views)
  const primaryKeys = primaryKeysOf(facts, traced)
  const found = findRelationships(facts.keys, findAppearances(facts.relations, traced), primaryKeys)
  const ofRow = Map.groupBy(facts.rowFunctions, ({ of }) => of)
  const ofRows = Map.groupBy(facts.handlers, ({ of }) => of)
  let joined = 0
  for (const [id, relation] of facts.relations) {
    if (joined++ % BATCH_ROWS === 0) await setImmediate()
    const functions = ofRow.get(id) ?? []
    relations.get(relation.schema)?.set(relation.name, {
      ...relation,
      primaryKey: primaryKeys.get(id) ?? [],
      relationships: arrangeRelationships(found.get(id) ?? [], functions.filter(isRead)),
      computed: readComputed(functions),
      handlers: (ofRows.get(id) ?? []).map(readHandler),
    })
  }
  return relations
}

function primaryKeysOf({ relations, keys }: Facts, traced: TracedViews): ReadonlyMap<number, readonly string[]> {
  const ofTables = [...relations].map(([id, { primaryKey }]) => [id, primaryKey] as const)
  return new Map([...ofTables, ...viewPrimaryKeys(traced, keys)])
}
