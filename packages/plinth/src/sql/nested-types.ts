import { invalidOperation } from '../operation/invalid-operation.ts'
import type { Embed, Outputs } from '../operation/operation.ts'
import { embedsOf, isColumn, isEmbed } from '../operation/output.ts'
import type { Context } from './context.ts'
import { tableSource } from './fields.ts'
import { columnItem, countItem, finished } from './outputs.ts'

/**
 * Values that are always NULL or 0, one for each column of each nested row, in the order in which a reader meets them:
 * PostgreSQL tells the type of every column of an answer, and so of these.
 */
export function nestedTypes(columns: Outputs, context: Context): string[] {
  return embedsOf(columns).flatMap((embed) => {
    if (embed.isSpread) return nestedTypes(embed.columns, context)
    return [...ownTypes(embed, context), ...nestedTypes(embed.columns, context)]
  })
}

function ownTypes(embed: Embed, context: Context): string[] {
  if (embed.columns === 'all' || embedsOf(embed.columns).some(({ isSpread }) => isSpread))
    throw invalidOperation(`The columns of ${JSON.stringify(embed.as)} must be named one by one, none of them spread.`)
  return embed.columns.flatMap((output) => {
    if (isEmbed(output)) return []
    const source = tableSource(embed.embed, context)
    const item = isColumn(output) ? columnItem(output, source.alias, context) : countItem(output)
    return `(select ${finished(item)} from ${source.from} where false)`
  })
}
