import type { Condition, Embed, Field, JsonPath, Order, Output, Outputs } from 'plinth'
import { type CatalogRelation, findRelation, isCastType, type Relationship } from 'plinth/operation'
import { aggregatesRefused, notEmbedded, notImplemented } from '../postgrest/refusals.ts'
import {
  notOrdered,
  repeatedEmbed,
  unknownColumn,
  unknownRelation,
  unknownRelationship,
  unknownType,
} from '../postgrest/unknown-names.ts'
import { embedsOf, type Level, type Wanted, type WantedEmbed } from './level.ts'
import { parseRange } from './range.ts'
import { findRelationship } from './relationship.ts'
import { representationOf } from './representation.ts'
import type { Scope } from './scope.ts'

export interface ResolvedLevel {
  readonly columns: Outputs
  readonly where?: Condition
  readonly order?: readonly Order[]
}

/** A level with what its rows are of, and the same of each embed in it. */
interface Related {
  readonly level: Level
  readonly scope: Scope
  readonly embeds: readonly RelatedEmbed[]
}

interface RelatedEmbed extends Related {
  readonly wanted: WantedEmbed
  readonly relationship: Relationship
}

/**
 * Gives every name of a level and of the embeds in it the meaning that the catalog has for it. Relationships come
 * first in the whole tree: a client hears of one that is missing before it hears of a column.
 */
export function resolveLevel(level: Level, scope: Scope): ResolvedLevel {
  const related = relate(level, scope)
  if (!scope.hasAggregates && isAggregatedSomewhere(related)) throw aggregatesRefused()
  return resolveNames(related, { isSpread: false })
}

function relate(level: Level, scope: Scope): Related {
  const wanted = embedsOf(level)
  checkNames(wanted, scope)
  return { level, scope, embeds: wanted.map((embed) => relateEmbed(embed, scope)) }
}

/** Of two embeds of one name, a condition or an order on it would mean either. */
function checkNames(wanted: readonly WantedEmbed[], { name }: Scope): void {
  const names = new Set<string>()
  for (const embed of wanted) {
    if (names.has(nameOf(embed))) throw repeatedEmbed(name, nameOf(embed))
    names.add(nameOf(embed))
  }
}

function nameOf({ alias, target }: WantedEmbed): string {
  return alias ?? target
}

function relateEmbed(wanted: WantedEmbed, scope: Scope): RelatedEmbed {
  if (scope.relation === undefined) throw unknownRelationship(scope, wanted)
  const relationship = findRelationship(scope.relation, wanted, scope)
  const { schema, name } = relationship.to
  const relation = findRelation(scope.catalog, name, schema)
  if (relation === undefined) throw unknownRelation(schema, name)
  return { wanted, relationship, ...relate(wanted.level, { ...scope, relation, name }) }
}

function resolveNames(related: Related, { isSpread }: { readonly isSpread: boolean }): ResolvedLevel {
  const conditions = related.level.conditions.map((condition) => resolveCondition(condition, related))
  const order = related.level.order?.map((term) => resolveOrder(term, related))
  const [first] = conditions
  return {
    columns: resolveOutputs(related, isSpread),
    ...(first && { where: conditions.length === 1 ? first : { kind: 'and', of: conditions } }),
    ...(order && { order }),
  }
}

/**
 * A lone star is every column, whatever PostgreSQL has by then; among others, spread, and where one is shown in a form
 * of its own, each column is named.
 */
function resolveOutputs(related: Related, isSpread: boolean): Outputs {
  const { outputs } = related.level
  const isWhole = !isSpread && related.scope.relation?.isFormatted !== true
  if (isWhole && outputs.length === 1 && outputs[0]?.kind === 'star') return 'all'
  return outputs.flatMap((output) => resolveOutput(output, related))
}

function resolveOutput(wanted: Wanted, { scope, embeds }: Related): Exclude<Outputs, 'all'> {
  switch (wanted.kind) {
    case 'star':
      return everyColumn(scope)
    case 'column':
      return [resolveColumn(wanted.output, scope)]
    case 'count':
      checkCast(wanted.output.cast)
      return [wanted.output]
    case 'embed':
      return embeds.filter((embed) => embed.wanted === wanted).map(resolveEmbed)
  }
}

function everyColumn(scope: Scope): readonly Output[] {
  const { relation, columns, name } = scope
  const known = relation?.columns ?? columns
  if (known === undefined) throw notImplemented(`The columns of ${name} are not known, so * stands alone.`)
  return [...known.keys()].map((column) => ({ column, ...formatOf({ column }, scope) }))
}

/** Of what an aggregate makes nothing is known. */
function formatOf(output: Output, scope: Scope): Pick<Output, 'format'> {
  const format = output.aggregate ? undefined : representationOf(output, scope)?.format
  return format ? { format } : {}
}

function resolveColumn(output: Output, scope: Scope): Exclude<Outputs, 'all'>[number] {
  checkCast(output.cast)
  checkCast(output.aggregate?.cast)
  if (!isCount(output, scope)) return { ...output, ...resolveField(output, scope), ...formatOf(output, scope) }
  const { as, cast } = output
  return { count: 'rows', ...(as === undefined ? {} : { as }), ...(cast === undefined ? {} : { cast }) }
}

/** `select=count` counted rows before there was `count()`, where no column is called so, and still does. */
function isCount({ column, path, aggregate }: Output, { relation, hasAggregates }: Scope): boolean {
  const isPlain = column === 'count' && path === undefined && aggregate === undefined
  return isPlain && hasAggregates && relation !== undefined && columnType(column, relation) === undefined
}

function checkCast(type: string | undefined): void {
  if (type !== undefined && !isCastType(type)) throw unknownType(type)
}

function resolveEmbed(embed: RelatedEmbed): Embed {
  const { wanted, relationship } = embed
  const { isInner, isSpread, level } = wanted
  const { to, join, rows } = relationship
  if (isSpread && rows === 'many' && isAggregated(embed)) throw notImplemented(aggregatesInLists)
  const { offset, limit } = parseRange(level.limit, level.offset, undefined)
  return {
    embed: { schema: to.schema, name: to.name },
    as: nameOf(wanted),
    join,
    rows,
    ...(isInner ? { isInner } : {}),
    ...(isSpread ? { isSpread } : {}),
    ...resolveNames(embed, { isSpread }),
    ...(limit === undefined ? {} : { limit }),
    ...(offset === 0 ? {} : { offset }),
  }
}

function hasAggregate({ outputs }: Level): boolean {
  return outputs.some((one) => one.kind === 'count' || (one.kind === 'column' && one.output.aggregate !== undefined))
}

function isAggregatedSomewhere({ level, embeds }: Related): boolean {
  return hasAggregate(level) || embeds.some(isAggregatedSomewhere)
}

/** What is spread among the columns of a row counts as its own. */
function isAggregated({ level, embeds }: Related): boolean {
  const spread = embeds.filter(({ wanted, relationship }) => wanted.isSpread && relationship.rows === 'one')
  return hasAggregate(level) || spread.some(isAggregated)
}

const aggregatesInLists = 'Aggregates are not implemented for one-to-many or many-to-many spreads.'

/** `author=is.null`, where an author is embedded, asks for rows without one. */
function resolveCondition(condition: Condition, related: Related): Condition {
  const { scope } = related
  switch (condition.kind) {
    case 'and':
    case 'or':
      return { kind: condition.kind, of: condition.of.map((part) => resolveCondition(part, related)) }
    case 'not':
      return { kind: 'not', of: resolveCondition(condition.of, related) }
    case 'embedded':
      return condition
    case 'is': {
      const { column, path, value } = condition
      const embed = path === undefined && isNullTest(value) ? embedNamed(column, related) : undefined
      if (embed !== undefined && isNullTest(value)) return { kind: 'embedded', embed: column, value }
      return { ...condition, ...resolveField(condition, scope) }
    }
    case 'search':
      return {
        ...condition,
        ...resolveField(condition, scope),
        ...(isDocument(condition, scope) ? { of: 'text' } : {}),
      }
    default: {
      const parse = isPattern(condition) ? undefined : representationOf(condition, scope)?.parseText
      return { ...condition, ...resolveField(condition, scope), ...(parse && { parse }) }
    }
  }
}

const patterns: ReadonlySet<string> = new Set(['like', 'ilike', 'match', 'imatch'])

/** What a value is compared with is then no value of the column. */
function isPattern(condition: Condition): boolean {
  return 'operator' in condition && patterns.has(condition.operator)
}

function isNullTest(value: string): value is 'null' | 'not_null' {
  return value === 'null' || value === 'not_null'
}

function embedNamed(name: string, { embeds }: Related): RelatedEmbed | undefined {
  return embeds.find(({ wanted }) => nameOf(wanted) === name)
}

/** Whatever is no tsvector is made one first. */
function isDocument({ column, path }: Field, scope: Scope): boolean {
  return path !== undefined || typeOf(column, scope) !== 'tsvector'
}

function resolveOrder(term: Order, related: Related): Order {
  if (term.embed === undefined) return { ...term, ...resolveField(term, related.scope) }
  const embed = embedNamed(term.embed, related)
  if (embed === undefined) throw notEmbedded(term.embed)
  if (embed.relationship.rows === 'many') throw notOrdered(related.scope.name, term.embed)
  return { ...term, ...resolveField(spreadField(term, embed), embed.scope) }
}

/** What is spread is a column of our row, and so may be ordered by under the name it has there. */
function spreadField({ column, path }: Field, { wanted, level }: RelatedEmbed): Field {
  const found = level.outputs.find((one) => one.kind === 'column' && one.output.as === column)
  if (wanted.isSpread && path === undefined && found?.kind === 'column') return found.output
  return path === undefined ? { column } : { column, path }
}

/** The field with its json reached as its column's type needs it. Throws for a column that is not there. */
function resolveField({ column, path }: Field, scope: Scope): Field {
  const type = typeOf(column, scope)
  if (path === undefined) return { column }
  const reached: JsonPath = type === 'json' || type === 'jsonb' ? path : { ...path, of: 'row' }
  return { column, path: reached }
}

/** Undefined where only PostgreSQL knows. */
function typeOf(name: string, { relation, columns }: Scope): string | undefined {
  if (relation === undefined) return columns?.get(name)?.type
  const type = columnType(name, relation)
  if (type === undefined) throw unknownColumn(relation, name)
  return type
}

/** Of a domain the type it is made of. */
function columnType(name: string, { columns, computed }: CatalogRelation): string | undefined {
  const column = columns.get(name)
  return column?.baseType ?? column?.type ?? computed.get(name)?.type
}
