import type { ColumnPair, Embed, Join } from '../operation/operation.ts'
import { unlisted } from './closed-lists.ts'
import type { Context, Source } from './context.ts'
import { namedSource, relation, tableSource } from './fields.ts'
import { quoteName } from './sql.ts'

/** The rows of an embed before its own conditions: where from, and which of them belong to a row of ours. */
export interface Belonging {
  readonly source: Source
  readonly on: readonly string[]
}

export function belonging({ embed, join }: Embed, ours: Source, context: Context): Belonging {
  switch (join.kind) {
    case 'columns': {
      const source = tableSource(embed, context)
      return { source, on: equalities(join.on, ours.alias, source.alias) }
    }
    case 'through':
      return through(embed, join, ours, context)
    case 'function':
      return { source: namedSource(`${relation(join.function)}(${ours.row})`, context.alias()), on: [] }
    default:
      throw unlisted(join)
  }
}

function through(
  embed: Embed['embed'],
  join: Extract<Join, { kind: 'through' }>,
  ours: Source,
  context: Context,
): Belonging {
  const theirs = tableSource(embed, context)
  const between = tableSource(join.relation, context)
  const on = equalities(join.to, between.alias, theirs.alias).join(' and ')
  return {
    source: { ...theirs, from: `${theirs.from} join ${between.from} on ${on}` },
    on: equalities(join.on, ours.alias, between.alias),
  }
}

function equalities(pairs: readonly ColumnPair[], ours: string, theirs: string): string[] {
  return pairs.map(([our, their]) => `${theirs}.${quoteName(their)} = ${ours}.${quoteName(our)}`)
}
