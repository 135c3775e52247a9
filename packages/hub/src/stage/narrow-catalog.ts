import { type Catalog, type CatalogRelation, findFunctions, findRelation, type Relationship } from 'plinth/operation'
import { type AllowOptions, columnsOf, operationsOf, type TableOperation } from './allow-options.ts'

interface Named {
  readonly schema: string
  readonly name: string
}

/**
 * Told of each relation that is kept, and whether its columns are named one by one. Where they are, even one that names
 * all is not PostgreSQL's `*`: that would bring a column added since the catalog was read.
 */
type Keep = (relation: CatalogRelation, operations: ReadonlySet<TableOperation>, isNamed: boolean) => void

/** The catalog with what is allowed alone. Every way to a hidden name is gone too: keys, relationships, functions. */
export function narrowCatalog(catalog: Catalog, allow: AllowOptions, keep: Keep): Catalog {
  const functions = (allow.functions ?? []).flatMap((name) => findAllowedFunctions(name, catalog))
  const names = new Set(functions.map(({ schema, name }) => `${schema}.${name}`))
  const isNamed = ({ schema, name }: Named): boolean => names.has(`${schema}.${name}`)
  const kept = Object.entries(allow.tables ?? {}).flatMap(([name, table]) => {
    const whole = findAllowedTable(name, catalog)
    return whole === undefined ? [] : [{ table, narrow: withColumns(whole, columnsOf(table)) }]
  })
  const visible = lookUpIn(kept.map(({ narrow }) => narrow))
  const readable = lookUpIn(
    kept.filter(({ table }) => operationsOf(table).includes('select')).map(({ narrow }) => narrow),
  )
  const seen = { visible, readable, isNamed }
  const relations = kept.map(({ table, narrow }) => {
    const relation = withVisible(narrow, seen)
    keep(relation, new Set(operationsOf(table)), columnsOf(table) !== undefined)
    return relation
  })
  return {
    ...catalog,
    relations: bySchema(relations),
    functions: bySchemas(catalog.functions, (schema, name) => isNamed({ schema, name })),
    handlers: catalog.handlers.filter(isNamed),
  }
}

/** A name without a schema is of the first served one that has it; a name with a dot in it may be just that. */
export function findAllowedTable(name: string, catalog: Catalog): CatalogRelation | undefined {
  return findRelation(catalog, name) ?? findRelation(catalog, ...split(name))
}

/** Functions of a row among them, which stand with their relation and may be of a schema that is not served. */
export function findAllowedFunctions(name: string, catalog: Catalog): readonly Named[] {
  const served = findFunctions(catalog, name)
  const [local, schema] = split(name)
  const named = served.length > 0 ? served : findFunctions(catalog, local, schema)
  if (named.length > 0) return named
  const isMeant = (one: Named): boolean => one.name === local && (schema ?? catalog.schemas[0]) === one.schema
  return functionsOfRows(catalog).filter(isMeant)
}

function split(name: string): [name: string, schema?: string] {
  const dot = name.indexOf('.')
  return dot < 0 ? [name] : [name.slice(dot + 1), name.slice(0, dot)]
}

function functionsOfRows(catalog: Catalog): readonly Named[] {
  const relations = [...catalog.relations.values()].flatMap((ofSchema) => [...ofSchema.values()])
  return relations.flatMap(({ computed, relationships }) => [
    ...computed.values(),
    ...relationships.flatMap(({ join }) => (join.kind === 'function' ? [join.function] : [])),
  ])
}

type LookUp = (to: Named) => CatalogRelation | undefined

function lookUpIn(relations: readonly CatalogRelation[]): LookUp {
  const all = bySchema(relations)
  return ({ schema, name }) => all.get(schema)?.get(name)
}

function bySchema(relations: readonly CatalogRelation[]): Catalog['relations'] {
  const all = new Map<string, Map<string, CatalogRelation>>()
  for (const relation of relations) {
    const ofSchema = all.get(relation.schema) ?? new Map<string, CatalogRelation>()
    all.set(relation.schema, ofSchema.set(relation.name, relation))
  }
  return all
}

function bySchemas<T>(
  all: ReadonlyMap<string, ReadonlyMap<string, T>>,
  isKept: (schema: string, name: string) => boolean,
): ReadonlyMap<string, ReadonlyMap<string, T>> {
  return new Map(
    [...all].map(([schema, named]) => [schema, new Map([...named].filter(([name]) => isKept(schema, name)))]),
  )
}

function withColumns(relation: CatalogRelation, named: readonly string[] | undefined): CatalogRelation {
  if (named === undefined) return relation
  const columns = new Map([...relation.columns].filter(([name]) => named.includes(name)))
  const isWhole = (key: readonly string[]): boolean => key.every((name) => columns.has(name))
  return {
    ...relation,
    columns,
    primaryKey: isWhole(relation.primaryKey) ? relation.primaryKey : [],
    uniqueKeys: relation.uniqueKeys.filter(isWhole),
  }
}

interface Seen {
  readonly visible: LookUp
  /** A table between two others is read by whoever goes through it. */
  readonly readable: LookUp
  readonly isNamed: (one: Named) => boolean
}

function withVisible(relation: CatalogRelation, seen: Seen): CatalogRelation {
  const { visible, isNamed } = seen
  return {
    ...relation,
    foreignKeys: relation.foreignKeys.filter(
      ({ columns, target }) => hasAll(relation, columns) && hasAll(visible(target), target.columns),
    ),
    relationships: relation.relationships.filter((one) => isVisible(one, relation, seen)),
    computed: new Map([...relation.computed].filter(([, computed]) => isNamed(computed))),
    handlers: relation.handlers.filter(isNamed),
  }
}

function hasAll(relation: CatalogRelation | undefined, columns: readonly string[]): boolean {
  return relation !== undefined && columns.every((name) => relation.columns.has(name))
}

/** A relationship tells of each column it joins by, and of the table it goes through. */
function isVisible({ to, join }: Relationship, ours: CatalogRelation, seen: Seen): boolean {
  const { visible, readable, isNamed } = seen
  const theirs = visible(to)
  if (theirs === undefined) return false
  switch (join.kind) {
    case 'function':
      return isNamed(join.function)
    case 'columns':
      return hasAll(ours, firsts(join.on)) && hasAll(theirs, seconds(join.on))
    case 'through': {
      const isJoined = hasAll(readable(join.relation), [...seconds(join.on), ...firsts(join.to)])
      return isJoined && hasAll(ours, firsts(join.on)) && hasAll(theirs, seconds(join.to))
    }
  }
}

type Pairs = readonly (readonly [first: string, second: string])[]

function firsts(pairs: Pairs): string[] {
  return pairs.map(([first]) => first)
}

function seconds(pairs: Pairs): string[] {
  return pairs.map(([, second]) => second)
}
