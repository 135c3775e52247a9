import { type Decoder, decoderFor, unreadable } from './decode.ts'
import type { Embed } from './operation.ts'
import { type AnyOutput, isColumn, isEmbed, readsNothing } from './output.ts'
import { setProperty } from './row-object.ts'

/**
 * Rows nested in a row come as json: a row is a list of PostgreSQL's own text of its values, `(1,"a b",)`, and behind
 * that of what is nested in it. The types of the values are those of columns that stand at the end of the answer.
 */
export type NestedReader = (json: unknown) => unknown

/** Reads the rows of an embed; `nextType` gives the type oid of one column after the other. */
export function nestedReader({ columns, rows }: Embed, nextType: () => number): NestedReader {
  const outputs = columns === 'all' ? [] : columns.filter((output) => !isEmbed(output) || !readsNothing(output))
  const decoders: Decoder[] = outputs.flatMap((output) =>
    isEmbed(output) ? [] : [decoderFor(nextType(), isColumn(output) ? output : {})],
  )
  const nested = outputs.filter(isEmbed).map((embed) => nestedReader(embed, nextType))
  const parts = outputs.map((output) => ({ name: nameOf(output), isNested: isEmbed(output) }))
  const readRow: NestedReader = (json) => {
    const given: readonly unknown[] = Array.isArray(json) ? json : []
    const [text, ...others] = given
    if (typeof text !== 'string') throw broken()
    const values = fieldsOf(text)
    const row: Record<string, unknown> = {}
    let [own, inner] = [0, 0]
    for (const { name, isNested } of parts) {
      const value = isNested ? nested[inner]?.(others[inner++]) : decoded(decoders[own], values[own++] ?? null)
      setProperty(row, name, value)
    }
    return row
  }
  if (rows === 'one') return (json) => (json === null ? null : readRow(json))
  return (json) => {
    if (!Array.isArray(json)) throw broken()
    return json.map(readRow)
  }
}

function nameOf(output: AnyOutput): string {
  if (isEmbed(output)) return output.as
  return output.as ?? (isColumn(output) ? (output.aggregate?.name ?? output.column) : 'count')
}

function decoded(decode: Decoder | undefined, text: string | null): unknown {
  return text === null || decode === undefined ? null : decode(text)
}

/** One value of a row's text: nothing at all is NULL, and quotes double themselves and what they escape. */
const value = /"((?:[^"\\]|""|\\.)*)"|([^",()\\]*)/sy

/** Reads PostgreSQL's text of a row. Over HTTP it comes from whoever answers, so what is none must not be read on. */
function fieldsOf(text: string): (string | null)[] {
  const values: (string | null)[] = []
  let at = 0
  while (text[at] === (at === 0 ? '(' : ',')) {
    value.lastIndex = at + 1
    const match = value.exec(text)
    if (match === null) throw broken()
    const [whole, quoted, plain = ''] = match
    if (quoted === undefined) values.push(plain === '' ? null : plain)
    else values.push(quoted.replaceAll(/""|\\(.)/gs, (pair, escaped: string | undefined) => escaped ?? pair.slice(1)))
    at += 1 + whole.length
  }
  if (text.slice(at) !== ')') throw broken()
  return values
}

function broken(): Error {
  return unreadable('a nested row that is none', 'look for what changes answers on their way here')
}
