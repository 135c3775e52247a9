import type { Queryable } from '../database/queryable.ts'
import type { Catalog, CatalogFunction, CatalogRelation, Relationship } from './catalog.ts'
import { type Facts, readFacts } from './facts.ts'
import { readComputed, readHandler, type RowFunctionRow } from './function-rows.ts'
import { foreignKeyOf, primaryKeysOf } from './key-rows.ts'
import { readRelation, type RelationRow } from './relation-rows.ts'
import { arrangeRelationships, findRelationships } from './relationships.ts'
import { findAppearances, traceViews, viewPrimaryKeys } from './view-columns.ts'
import { workInSlices } from './work-slice.ts'

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
    comments: new Map(facts.comments),
    timeZones: new Set(facts.timeZones),
    handlers: facts.handlers.filter(({ of }) => of === null).map(readHandler),
  }
}

interface JoinedKeys {
  readonly primaryKeys: ReadonlyMap<number, readonly string[]>
  readonly relationships: ReadonlyMap<number, readonly Relationship[]>
}

async function joinRelations(facts: Facts, schemas: readonly string[]): Promise<Catalog['relations']> {
  const relations = new Map<string, Map<string, CatalogRelation>>(schemas.map((schema) => [schema, new Map()]))
  const betweenSteps = workInSlices()
  const join = await joiner(facts, (schema) => relations.has(schema), betweenSteps)
  for (const row of facts.relations) {
    relations.get(row.schema)?.set(row.name, join(row))
    await betweenSteps()
  }
  return relations
}

/** What the facts say of one relation after the other. */
async function joiner(
  facts: Facts,
  isRead: (schema: string) => boolean,
  betweenSteps: () => Promise<void>,
): Promise<(row: RelationRow) => CatalogRelation> {
  const columns = new Map(facts.columns.map((row) => [row.of, row.columns]))
  const keys = Map.groupBy(facts.keys, ({ of }) => of.id)
  const functions = Map.groupBy(facts.rowFunctions, ({ of }) => of)
  const handlers = Map.groupBy(facts.handlers, ({ of }) => of)
  const { primaryKeys, relationships } = await joinKeys(facts, betweenSteps)
  const yieldsRead = ({ schema, target }: RowFunctionRow): boolean =>
    isRead(schema) && target !== null && isRead(target.schema)
  return (row) => {
    const ofRow = functions.get(row.id) ?? []
    return {
      ...readRelation(row, columns.get(row.id) ?? []),
      primaryKey: primaryKeys.get(row.id) ?? [],
      foreignKeys: (keys.get(row.id) ?? []).flatMap(foreignKeyOf),
      relationships: arrangeRelationships(relationships.get(row.id) ?? [], ofRow.filter(yieldsRead)),
      computed: readComputed(ofRow),
      handlers: (handlers.get(row.id) ?? []).map(readHandler),
    }
  }
}

/** Keys of tables, carried on to the views that show their columns. */
async function joinKeys({ keys, views, relations }: Facts, betweenSteps: () => Promise<void>): Promise<JoinedKeys> {
  const traced = traceViews(views)
  await betweenSteps()
  const primaryKeys = new Map([...primaryKeysOf(keys), ...viewPrimaryKeys(traced, keys)])
  const appearances = findAppearances(relations, traced)
  return { primaryKeys, relationships: await findRelationships(keys, appearances, primaryKeys, betweenSteps) }
}
