import { type Decoder, decoderFor } from './decode.ts'
import { type NestedReader, nestedReader } from './nested-rows.ts'
import type { Embed, Output, Outputs } from './operation.ts'
import { embedsOf, isColumn, isEmbed, readsNothing } from './output.ts'
import { setProperty } from './row-object.ts'

export interface AnswerColumn {
  readonly name: string
  /** Type oid as PostgreSQL states it; a domain states its base type. */
  readonly oid: number
}

/** Turns one row of PostgreSQL's text into an object of JavaScript values. */
export type RowReader = (row: readonly (string | null)[]) => Record<string, unknown>

/**
 * A prepared statement has one list of columns for all its answers, and a table() one list of outputs for all it
 * builds.
 */
const readers = new WeakMap<readonly AnswerColumn[], { readonly outputs: Outputs; readonly read: RowReader }>()

/** The reader of rows with these columns, made once while columns and outputs are the same lists. */
export function objectReader(columns: readonly AnswerColumn[], outputs: Outputs = 'all'): RowReader {
  const known = readers.get(columns)
  if (known?.outputs === outputs) return known.read
  const read = makeReader(columns, outputs)
  readers.set(columns, { outputs, read })
  return read
}

function makeReader(columns: readonly AnswerColumn[], outputs: Outputs): RowReader {
  const byName = outputsByName(outputs)
  const nested = nestedReaders(columns, outputs)
  const own = columns.slice(0, columns.length - nested.typeColumns)
  const names = own.map((column) => column.name)
  const decoders = own.map(({ name, oid }): Decoder => {
    const read = nested.byName.get(name)
    return read ? (text) => read(JSON.parse(text)) : decoderFor(oid, byName.get(name))
  })
  return (row) => {
    const object: Record<string, unknown> = {}
    for (let i = 0; i < names.length; i++) {
      const [name, text, decode] = [names[i] ?? '', row[i], decoders[i]]
      const value = text === null || text === undefined || decode === undefined ? null : decode(text)
      setProperty(object, name, value)
    }
    return object
  }
}

function outputsByName(outputs: Outputs): Map<string, Output> {
  const columns = outputs === 'all' ? [] : outputs.filter(isColumn)
  return new Map(columns.map((output) => [output.as ?? output.column, output]))
}

interface NestedReaders {
  readonly byName: ReadonlyMap<string, NestedReader>
  /** Columns at the end of the answer that only state types. */
  readonly typeColumns: number
}

function nestedReaders(columns: readonly AnswerColumn[], outputs: Outputs): NestedReaders {
  const embeds = nestedIn(outputs)
  const typeColumns = embeds.reduce((sum, embed) => sum + typesOf(embed), 0)
  let next = columns.length - typeColumns
  const nextType = (): number => columns[next++]?.oid ?? 0
  return { byName: new Map(embeds.map((embed) => [embed.as, nestedReader(embed, nextType)])), typeColumns }
}

/** Those that stand under a name of their own, also in rows that are spread among ours. */
function nestedIn(outputs: Outputs): Embed[] {
  return embedsOf(outputs).flatMap((embed) => {
    if (readsNothing(embed)) return []
    return embed.isSpread ? nestedIn(embed.columns) : [embed]
  })
}

function typesOf({ columns }: Embed): number {
  if (columns === 'all') return 0
  return columns.reduce((sum, output) => sum + (isEmbed(output) ? typesOf(output) : 1), 0)
}
