import type { CatalogRelation, Relationship } from 'plinth/operation'
import { ambiguousRelationship, unknownRelationship } from '../postgrest/unknown-names.ts'
import type { WantedEmbed } from './level.ts'
import type { Scope } from './scope.ts'

/**
 * The one relationship that `target!hint` means. A computed one takes the place of others of its name:
 * https://docs.postgrest.org/en/latest/references/api/resource_embedding.html
 */
export function findRelationship(ours: CatalogRelation, wanted: WantedEmbed, scope: Scope): Relationship {
  const { target, hint } = wanted
  const inReach = ours.relationships.filter(({ to, join }) => join.kind === 'function' || to.schema === scope.schema)
  const found = inReach.filter((one) => {
    if (one.join.kind === 'function') return one.join.function.name === target
    if (isOfItself(one, ours)) return hint === undefined ? isSelf(one, target) : isSelfBy(one, target, hint)
    return hint === undefined ? isMeant(one, target, scope) : one.to.name === target && isHinted(one, hint)
  })
  const [only] = found
  if (only === undefined) {
    const known = inReach.map(({ to }) => to.name)
    throw unknownRelationship(scope, wanted, [...new Set(known)])
  }
  if (found.length > 1) throw ambiguousRelationship(ours, target, found)
  return only
}

/** A table, or a foreign key by its name or its one column; a view has no foreign keys of its own to name. */
function isMeant(one: Relationship, target: string, { catalog }: Scope): boolean {
  if (one.to.name === target) return true
  const kind = catalog.relations.get(one.to.schema)?.get(one.to.name)?.kind
  const isView = kind === 'view' || kind === 'materialized view'
  return !isView && (isNamed(one, target) || ourColumn(one) === target)
}

function isHinted(one: Relationship, hint: string): boolean {
  const isBetween = one.join.kind === 'through' && one.join.relation.name === hint
  return isBetween || isNamed(one, hint) || ourColumn(one) === hint || theirColumn(one) === hint
}

function isNamed({ cardinality, names }: Relationship, name: string): boolean {
  return cardinality !== 'many to many' && names[0] === name
}

function ourColumn({ join }: Relationship): string | undefined {
  return join.kind === 'columns' && join.on.length === 1 ? join.on[0]?.[0] : undefined
}

function theirColumn({ join }: Relationship): string | undefined {
  return join.kind === 'columns' && join.on.length === 1 ? join.on[0]?.[1] : undefined
}

function isOfItself({ to }: Relationship, ours: CatalogRelation): boolean {
  return to.schema === ours.schema && to.name === ours.name
}

/** Of the two directions of one key the table's name means the rows that refer to ours, the column the row it names. */
function isSelf(one: Relationship, target: string): boolean {
  if (one.cardinality === 'one to many') return one.to.name === target
  return one.cardinality === 'many to one' && ourColumn(one) === target
}

function isSelfBy(one: Relationship, target: string, hint: string): boolean {
  return one.cardinality === 'one to many' && one.to.name === target && theirColumn(one) === hint
}
