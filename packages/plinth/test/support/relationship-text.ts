import type { CatalogRelation, Relationship } from '../../src/operation.ts'

/** One line for each: `many to one people by books_author_fkey: author = id`. */
export function relationshipLines({ relationships }: CatalogRelation): string[] {
  return relationships.map((one) => `${one.cardinality} ${one.to.name} by ${one.names.join(' and ')}${joined(one)}`)
}

function joined({ join, rows }: Relationship): string {
  const equal = (pairs: readonly (readonly [string, string])[]): string =>
    pairs.map((pair) => pair.join(' = ')).join(', ')
  if (join.kind === 'function') return `: ${rows}`
  if (join.kind === 'columns') return `: ${equal(join.on)}`
  return `: ${equal(join.on)} through ${join.relation.name}, ${equal(join.to)}`
}
