import type { Condition, Embed, Field, JsonPath, Order, Outputs } from 'plinth'
import { type Catalog, type CatalogRelation, findRelation } from 'plinth/operation'
import { embedsOf, type Level, type Wanted, type WantedEmbed } from './level.ts'
import { parseRange } from './range.ts'
import { aggregatesRefused, notEmbedded } from './refusals.ts'
import { findRelationship } from './relationship.ts'
import { notOrdered, unknownColumn, unknownRelation, unknownRelationship } from './unknown-names.ts'

/** Where names of a level are looked up. */
export interface Scope {
  readonly catalog: Catalog
  /** Absent: the rows come from a function and are of no relation; only PostgreSQL knows their columns. */
  readonly relation?: CatalogRelation
  /** Of the relation or function, for errors. */
  readonly name: string
  readonly schema: string
  readonly hasAggregates: boolean
}

export interface ResolvedLevel {
  readonly columns: Outputs
  readonly where?: Condition
  readonly order?: readonly Order[]
}

/** Gives every name of a level and of the embeds in it the meaning that the catalog has for it. */
export function resolveLevel(level: Level, scope: Scope): ResolvedLevel {
  const conditions = level.conditions.map((condition) => resolveCondition(condition, level, scope))
  const order = level.order?.map((term) => resolveOrder(term, level, scope))
  const [first] = conditions
  return {
    columns: resolveOutputs(level.outputs, scope),
    ...(first && { where: conditions.length === 1 ? first : { kind: 'and', of: conditions } }),
    ...(order && { order }),
  }
}

function resolveOutputs(outputs: readonly Wanted[], scope: Scope): Outputs {
  if (outputs.length === 1 && outputs[0]?.kind === 'star') return 'all'
  return outputs.flatMap((output): Exclude<Outputs, 'all'> => {
    switch (output.kind) {
      case 'star':
        return [...(scope.relation?.columns.keys() ?? [])].map((column) => ({ column }))
      case 'column':
        if (output.output.aggregate !== undefined && !scope.hasAggregates) throw aggregatesRefused()
        return [{ ...output.output, ...resolveField(output.output, scope) }]
      case 'count':
        if (!scope.hasAggregates) throw aggregatesRefused()
        return [output.output]
      case 'embed':
        return [resolveEmbed(output, scope)]
    }
  })
}

function resolveEmbed(wanted: WantedEmbed, scope: Scope): Embed {
  const { target, alias, isInner, isSpread, level } = wanted
  if (scope.relation === undefined) throw unknownRelationship(scope, wanted)
  const { to, join, rows } = findRelationship(scope.relation, wanted, scope)
  const relation = findRelation(scope.catalog, to.name, to.schema)
  if (relation === undefined) throw unknownRelation(to.schema, to.name)
  const { offset, limit } = parseRange(level.limit, level.offset, undefined)
  return {
    embed: { schema: to.schema, name: to.name },
    as: alias ?? target,
    join,
    rows,
    ...(isInner ? { isInner } : {}),
    ...(isSpread ? { isSpread } : {}),
    ...resolveLevel(level, { ...scope, relation, name: relation.name }),
    ...(limit === undefined ? {} : { limit }),
    ...(offset === 0 ? {} : { offset }),
  }
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

function resolveOrder(term: Order, level: Level, scope: Scope): Order {
  if (term.embed === undefined) return { ...term, ...resolveField(term, scope) }
  const embed = embedNamed(term.embed, level)
  if (embed === undefined) throw notEmbedded(term.embed)
  if (scope.relation === undefined) throw unknownRelationship(scope, embed)
  const { rows, to } = findRelationship(scope.relation, embed, scope)
  if (rows === 'many') throw notOrdered(scope.name, term.embed)
  const relation = findRelation(scope.catalog, to.name, to.schema)
  const inside = { ...scope, name: to.name, ...(relation && { relation }) }
  return { ...term, ...resolveField(term, inside) }
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
function typeOf(column: string, { relation }: Scope): string | undefined {
  if (relation === undefined) return undefined
  const found = relation.columns.get(column) ?? relation.computed.get(column)
  if (found === undefined) throw unknownColumn(relation, column)
  return found.type
}
