import type { Condition, CountOutput, Embed, Field, JsonPath, Order, Output, Outputs } from 'plinth'
import {
  type Catalog,
  type CatalogRelation,
  findRelation,
  type Relationship,
  type ResultColumn,
} from 'plinth/operation'
import { embedsOf, type Level, type Wanted, type WantedEmbed } from './level.ts'
import { parseRange } from './range.ts'
import { aggregatesRefused, notEmbedded, notImplemented } from './refusals.ts'
import { findRelationship } from './relationship.ts'
import { notOrdered, unknownColumn, unknownRelation, unknownRelationship } from './unknown-names.ts'

/** Where names of a level are looked up. */
export interface Scope {
  readonly catalog: Catalog
  /** Absent: the rows come from a function and are of no relation. */
  readonly relation?: CatalogRelation
  /** Of such rows, where the function says them; else only PostgreSQL knows them. */
  readonly columns?: ReadonlyMap<string, ResultColumn>
  /** Of the relation or function, for errors. */
  readonly name: string
  readonly schema: string
  readonly hasAggregates: boolean
  /** The rows are spread among those they belong to: one for each of them, or many. */
  readonly isSpread: 'one' | 'many' | false
}

export interface ResolvedLevel {
  readonly columns: Outputs
  readonly where?: Condition
  readonly order?: readonly Order[]
}

/** Gives every name of a level and of the embeds in it the meaning that the catalog has for it. */
export function resolveLevel(level: Level, scope: Scope): ResolvedLevel {
  // PostgreSQL is asked about columns; a relationship that is not there is told before.
  const related = new Map(embedsOf(level).map((embed) => [embed, relate(embed, scope)]))
  const conditions = level.conditions.map((condition) => resolveCondition(condition, level, scope))
  const order = level.order?.map((term) => resolveOrder(term, level, scope, related))
  const [first] = conditions
  return {
    columns: resolveOutputs(level.outputs, scope, related),
    ...(first && { where: conditions.length === 1 ? first : { kind: 'and', of: conditions } }),
    ...(order && { order }),
  }
}

interface Related {
  readonly relationship: Relationship
  readonly relation: CatalogRelation
}

type RelatedEmbeds = ReadonlyMap<WantedEmbed, Related>

function relate(wanted: WantedEmbed, scope: Scope): Related {
  if (scope.relation === undefined) throw unknownRelationship(scope, wanted)
  const relationship = findRelationship(scope.relation, wanted, scope)
  const { schema, name } = relationship.to
  const relation = findRelation(scope.catalog, name, schema)
  if (relation === undefined) throw unknownRelation(schema, name)
  return { relationship, relation }
}

function resolveOutputs(outputs: readonly Wanted[], scope: Scope, related: RelatedEmbeds): Outputs {
  // Of rows spread among others each column stands for itself.
  if (outputs.length === 1 && outputs[0]?.kind === 'star' && !scope.isSpread) return 'all'
  return outputs.flatMap((output): Exclude<Outputs, 'all'> => {
    switch (output.kind) {
      case 'star':
        return everyColumn(scope)
      case 'column':
        if (output.output.aggregate !== undefined) checkAggregates(scope)
        return [resolveColumn(output.output, scope)]
      case 'count':
        checkAggregates(scope)
        return [output.output]
      case 'embed':
        return [resolveEmbed(output, scope, related.get(output) ?? relate(output, scope))]
    }
  })
}

function everyColumn({ relation, columns, name }: Scope): readonly Output[] {
  const known = relation?.columns ?? columns
  if (known === undefined) throw notImplemented(`The columns of ${name} are not known, so * stands alone.`)
  return [...known.keys()].map((column) => ({ column }))
}

function checkAggregates({ hasAggregates, isSpread }: Scope): void {
  if (!hasAggregates) throw aggregatesRefused()
  if (isSpread === 'many')
    throw notImplemented('Aggregates are not implemented for one-to-many or many-to-many spreads.')
}

/** `count` was the count of rows before aggregates were written with brackets, and clients still say it. */
function resolveColumn(output: Output, scope: Scope): Output | CountOutput {
  const { column, path, as, cast } = output
  const isCount = column === 'count' && path === undefined && scope.relation?.columns.has('count') === false
  if (isCount && scope.hasAggregates && !scope.relation?.computed.has('count'))
    return { count: 'rows', ...(as === undefined ? {} : { as }), ...(cast === undefined ? {} : { cast }) }
  return { ...output, ...resolveField(output, scope) }
}

function resolveEmbed(wanted: WantedEmbed, scope: Scope, { relationship, relation }: Related): Embed {
  const { target, alias, isInner, isSpread, level } = wanted
  const { to, join, rows } = relationship
  const { offset, limit } = parseRange(level.limit, level.offset, undefined)
  return {
    embed: { schema: to.schema, name: to.name },
    as: alias ?? target,
    join,
    rows,
    ...(isInner ? { isInner } : {}),
    ...(isSpread ? { isSpread } : {}),
    ...resolveLevel(level, insideOf(scope, relation, isSpread ? rows : false)),
    ...(limit === undefined ? {} : { limit }),
    ...(offset === 0 ? {} : { offset }),
  }
}

function insideOf(scope: Scope, relation: CatalogRelation, isSpread: Scope['isSpread']): Scope {
  return { ...scope, relation, name: relation.name, isSpread }
}

/** `author=is.null`, where an author is embedded, asks for rows without one. */
function resolveCondition(condition: Condition, level: Level, scope: Scope): Condition {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return { kind: condition.kind, of: condition.of.map((part) => resolveCondition(part, level, scope)) }
    case 'not':
      return { kind: 'not', of: resolveCondition(condition.of, level, scope) }
    case 'embedded':
      return condition
    case 'is': {
      const { column, path, value } = condition
      const embed = path === undefined && isNullTest(value) ? embedNamed(column, level) : undefined
      if (embed !== undefined && isNullTest(value)) return { kind: 'embedded', embed: nameOf(embed), value }
      return { ...condition, ...resolveField(condition, scope) }
    }
    case 'search':
      return {
        ...condition,
        ...resolveField(condition, scope),
        ...(isDocument(condition, scope) ? { of: 'text' } : {}),
      }
    default:
      return { ...condition, ...resolveField(condition, scope) }
  }
}

function isNullTest(value: string): value is 'null' | 'not_null' {
  return value === 'null' || value === 'not_null'
}

function nameOf({ alias, target }: WantedEmbed): string {
  return alias ?? target
}

function embedNamed(name: string, level: Level): WantedEmbed | undefined {
  return embedsOf(level).find((embed) => nameOf(embed) === name)
}

/** A text or json is made a tsvector first; what the catalog does not know is taken as it is. */
function isDocument({ column, path }: Field, scope: Scope): boolean {
  if (path !== undefined) return true
  const type = typeOf(column, scope)
  return type !== undefined && type !== 'tsvector'
}

function resolveOrder(term: Order, level: Level, scope: Scope, related: RelatedEmbeds): Order {
  if (term.embed === undefined) return { ...term, ...resolveField(term, scope) }
  const embed = embedNamed(term.embed, level)
  const found = embed && related.get(embed)
  if (embed === undefined || found === undefined) throw notEmbedded(term.embed)
  if (found.relationship.rows === 'many') throw notOrdered(scope.name, term.embed)
  return { ...term, ...resolveField(fieldCalled(term, embed), insideOf(scope, found.relation, false)) }
}

/** An order by an embed may name an output of it by its alias. */
function fieldCalled(term: Order, { level }: WantedEmbed): Field {
  const named = level.outputs.find((wanted) => wanted.kind === 'column' && wanted.output.as === term.column)
  return term.path === undefined && named?.kind === 'column' ? named.output : term
}

/** The field with its json reached as its column's type needs it. Throws for a column that is not there. */
function resolveField({ column, path }: Field, scope: Scope): Field {
  const type = typeOf(column, scope)
  if (path === undefined) return { column }
  const isJson = type === undefined || type === 'json' || type === 'jsonb'
  const reached: JsonPath = isJson ? path : { ...path, of: 'row' }
  return { column, path: reached }
}

/** Undefined where only PostgreSQL knows. */
function typeOf(column: string, { relation, columns }: Scope): string | undefined {
  if (relation === undefined) return columns?.get(column)?.type
  const found = relation.columns.get(column) ?? relation.computed.get(column)
  if (found === undefined) throw unknownColumn(relation, column)
  return found.type
}
