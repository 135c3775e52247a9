import { decoderFor } from './decode.ts'
import type { Output, Outputs } from './operation.ts'
import { isColumn } from './output.ts'

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

/** `__proto__` is a legal column name, so it is defined, not assigned. */
function makeReader(columns: readonly AnswerColumn[], outputs: Outputs): RowReader {
  const byName = outputsByName(outputs)
  const decoders = columns.map((column) => decoderFor(column.oid, byName.get(column.name)))
  const names = columns.map((column) => column.name)
  const isPlain = !names.includes('__proto__')
  return (row) => {
    const object: Record<string, unknown> = {}
    for (let i = 0; i < names.length; i++) {
      const [name, text, decode] = [names[i] ?? '', row[i], decoders[i]]
      const value = text === null || text === undefined || decode === undefined ? null : decode(text)
      if (isPlain) object[name] = value
      else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
    }
    return object
  }
}

function outputsByName(outputs: Outputs): Map<string, Output> {
  const columns = outputs === 'all' ? [] : outputs.filter(isColumn)
  return new Map(columns.map((output) => [output.as ?? output.column, output]))
}
