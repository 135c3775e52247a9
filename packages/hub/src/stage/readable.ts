import type { Condition, Embed, Field, Join, Order, Outputs, Relation } from 'plinth'
import { type Catalog, type CatalogFunction, type CatalogRelation, findRelation } from 'plinth/operation'
import { repeatedEmbed, unknownColumn, unknownRelation } from '../postgrest/unknown-names.ts'
import { allColumns, permit } from './allow.ts'

/**
 * Whether the names of a reading are in the catalog: everything that is read, compared, ordered by, searched, grouped
 * or joined goes through `readable`, since a column that one use went past would be readable through that use.
 */

/** What is read of the rows of one relation. */
interface Level {
  readonly columns?: Outputs
  readonly where?: Condition | 'every row'
  readonly order?: readonly Order[]
}

export function lookUpRelation({ schema, name }: Relation, catalog: Catalog): CatalogRelation {
  const relation = findRelation(catalog, name, schema)
  const home = schema ?? catalog.schemas[0] ?? ''
  if (relation === undefined) throw unknownRelation(home, name, catalog.relations.get(home)?.keys())
  return relation
}

/** The one place that decides which columns an operation may use, whatever for. */
export function readable(relation: CatalogRelation, column: string): void {
  if (!relation.columns.has(column) && !relation.computed.has(column)) throw unknownColumn(relation, column)
  permit(relation, 'select')
}

/** The outputs with each embed in its schema. */
export function readOutputs(outputs: Outputs, relation: CatalogRelation, catalog: Catalog): Outputs {
  if (outputs === 'all' || outputs.length > 0) permit(relation, 'select')
  if (outputs === 'all') return allColumns(relation)
  checkEmbedNames(outputs, relation)
  return outputs.map((output) => {
    if ('embed' in output) return readEmbed(output, relation, catalog)
    if ('column' in output) readable(relation, output.column)
    return output
  })
}

/** A condition or an order on one of two embeds of a name would be checked on one and could be run on the other. */
function checkEmbedNames(outputs: Exclude<Outputs, 'all'>, { name }: CatalogRelation): void {
  const names = outputs.flatMap((output) => ('embed' in output ? [output.as] : []))
  const repeated = names.find((one, i) => names.indexOf(one) < i)
  if (repeated !== undefined) throw repeatedEmbed(name, repeated)
}

/** Conditions and orders, those on columns of an embed among them. */
export function checkLevel(
  { columns = 'all', where, order = [] }: Level,
  relation: CatalogRelation,
  catalog: Catalog,
): void {
  const use = (field: Field): void => readable(relation, field.column)
  if (where !== undefined && where !== 'every row') checkCondition(where, use)
  for (const term of order) {
    const embed = columns === 'all' ? undefined : columns.find((one) => 'embed' in one && one.as === term.embed)
    if (term.embed === undefined) use(term)
    else if (embed !== undefined && 'embed' in embed && !isOutputOf(embed, term))
      readable(lookUpRelation(embed.embed, catalog), term.column)
  }
}

/**
 * The same of rows that are of no relation. A name that none of their columns has would be a function's to PostgreSQL,
 * which would call it with the row or the value: any function that it finds, whether it is served or not.
 */
export function checkFunctionRows(
  { columns = 'all', where, order = [] }: Level,
  { name, returns }: CatalogFunction,
): void {
  const known = returns.columns ?? new Set([name])
  const use = ({ column }: Field): void => {
    if (!known.has(column)) throw unknownColumn({ name }, column)
  }
  if (where !== undefined && where !== 'every row') checkCondition(where, use)
  for (const term of order) use(term)
  for (const output of columns === 'all' ? [] : columns) if ('column' in output) use(output)
}

/** An order may say what a column of the embed is called there; what it reads is checked with the outputs. */
function isOutputOf({ columns }: Embed, { column, path }: Order): boolean {
  if (columns === 'all' || path !== undefined) return false
  const [first, ...others] = columns.filter(({ as }) => as === column)
  return first !== undefined && !('embed' in first) && others.length === 0
}

function checkCondition(where: Condition, use: (field: Field) => void): void {
  switch (where.kind) {
    case 'and':
    case 'or':
      for (const part of where.of) checkCondition(part, use)
      return
    case 'not':
      checkCondition(where.of, use)
      return
    // The compiler finds the embed of that name beside it, or refuses.
    case 'embedded':
      return
    default:
      use(where)
  }
}

function readEmbed(embed: Embed, ours: CatalogRelation, catalog: Catalog): Embed {
  const theirs = lookUpRelation(embed.embed, catalog)
  const found = { schema: theirs.schema, name: theirs.name }
  // Also one without columns tells whether there are such rows.
  permit(theirs, 'select')
  const join = isRelated(embed.join, ours, found) ? embed.join : readJoin(embed.join, ours, theirs, catalog)
  checkLevel(embed, theirs, catalog)
  return { ...embed, embed: found, join, columns: readOutputs(starless(embed, theirs), theirs, catalog) }
}

/** Columns that are spread one by one must be named: only the catalog knows what a star is. */
function starless({ columns, isSpread }: Embed, theirs: CatalogRelation): Outputs {
  return isSpread && columns === 'all' ? [...theirs.columns.keys()].map((column) => ({ column })) : columns
}

/** A relationship the catalog knows may go through a table or function of a schema that is not served. */
function isRelated(join: Join, ours: CatalogRelation, theirs: Relation): boolean {
  const asked = JSON.stringify(orderedJoin(join))
  return ours.relationships.some(
    ({ to, join: known }) =>
      to.schema === theirs.schema && to.name === theirs.name && JSON.stringify(orderedJoin(known)) === asked,
  )
}

function orderedJoin(join: Join): unknown[] {
  const parts = ({ schema, name }: Relation): unknown[] => [schema, name]
  switch (join.kind) {
    case 'columns':
      return [join.kind, join.on]
    case 'through':
      return [join.kind, parts(join.relation), join.on, join.to]
    case 'function':
      return [join.kind, parts(join.function)]
  }
}

/** A join of the caller's own, over columns it may read anyway; a function must be one the catalog knows for it. */
function readJoin(join: Join, ours: CatalogRelation, theirs: CatalogRelation, catalog: Catalog): Join {
  switch (join.kind) {
    case 'columns':
      readPairs(join.on, ours, theirs)
      return join
    case 'through': {
      const between = lookUpRelation(join.relation, catalog)
      permit(between, 'select')
      readPairs(join.on, ours, between)
      readPairs(join.to, between, theirs)
      return { ...join, relation: { schema: between.schema, name: between.name } }
    }
    case 'function':
      throw unknownRelation(join.function.schema ?? ours.schema, join.function.name)
  }
}

function readPairs(pairs: Extract<Join, { kind: 'columns' }>['on'], from: CatalogRelation, to: CatalogRelation): void {
  for (const [one, other] of pairs) {
    readable(from, one)
    readable(to, other)
  }
}
