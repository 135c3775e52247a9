import type { Insert, Row } from '../operation/operation.ts'
import type { Context } from './context.ts'
import { relation } from './fields.ts'
import { rowType } from './row-type.ts'
import { quoteName } from './sql.ts'

/** What the rows are of, and what makes values of some of its columns. */
type Of = Pick<Insert, 'target' | 'parse'>

/**
 * The rows a write is given, as what stands in FROM. They are one JSON parameter that `json_populate_recordset` reads
 * by the table's own row type: arrays, jsonb, bytea, enums and domains need no knowledge of types here, and any number
 * of rows has the same text (measured 4 % slower than VALUES for one row, 2026-11).
 */
export function givenRows(of: Of, rows: readonly Row[], columns: readonly string[], context: Context): string {
  const parsed = parsedAmong(columns, of)
  if (parsed.length > 0) return parsedRows(of, rows, columns, context)
  return `json_populate_recordset(${emptyRow(of)}, ${context.bind(JSON.stringify(rows))}::json)`
}

/** The one row of an update, as `givenRows` has several. */
export function givenRow(of: Of, row: Row, context: Context): string {
  const columns = Object.keys(row)
  if (parsedAmong(columns, of).length > 0) return parsedRows(of, [row], columns, context)
  return populated(of, row, context)
}

/** One row of VALUES in which a missing key means the column's default, as only VALUES can say. */
export function defaultingRow(of: Of, row: Row, columns: readonly string[], context: Context): string {
  const given = columns.filter((column) => Object.hasOwn(row, column))
  const parsed = parsedAmong(given, of)
  // PostgreSQL refuses a parameter that the text does not use, so a row of defaults alone binds nothing.
  const record = parsed.length < given.length ? populated(of, without(row, parsed), context) : ''
  const items = columns.map((column) => {
    if (!given.includes(column)) return 'default'
    return parsed.includes(column) ? parsedValue(of, column, row, context) : `(${record}).${quoteName(column)}`
  })
  return `(${items.join(', ')})`
}

const emptyRow = ({ target }: Of): string => `null::${rowType(target)}`

function populated(of: Of, row: Row, { bind }: Context): string {
  return `json_populate_record(${emptyRow(of)}, ${bind(JSON.stringify(row))}::json)`
}

function parserOf({ parse }: Of, column: string): string | undefined {
  const parser = parse && Object.hasOwn(parse, column) ? parse[column] : undefined
  return parser && relation(parser)
}

function parsedAmong(columns: readonly string[], of: Of): readonly string[] {
  return of.parse === undefined ? [] : columns.filter((column) => parserOf(of, column) !== undefined)
}

/**
 * Each row in two parts: the row type would read the json of a parsed column as the value itself. A null in json is
 * NULL to the function, as `json_to_record` has it.
 */
function parsedRows(of: Of, rows: readonly Row[], columns: readonly string[], { bind, alias }: Context): string {
  const parsed = parsedAmong(columns, of)
  const [parts, plain, json] = [alias(), alias(), alias()]
  const values = columns.map((column) => {
    const parser = parserOf(of, column)
    const name = quoteName(column)
    return parser === undefined ? `${plain}.${name}` : `${parser}(${json}.${name}) as ${name}`
  })
  const given = bind(JSON.stringify(rows.map((row) => [without(row, parsed), only(row, parsed)])))
  const types = parsed.map((column) => `${quoteName(column)} json`).join(', ')
  return (
    `(select ${values.join(', ')} from json_array_elements(${given}::json) as ${parts}("row"), ` +
    `json_populate_record(${emptyRow(of)}, ${parts}."row" -> 0) as ${plain}, ` +
    `json_to_record(${parts}."row" -> 1) as ${json}(${types}))`
  )
}

function parsedValue(of: Of, column: string, row: Row, { bind }: Context): string {
  const value = row[column] ?? null
  return `${parserOf(of, column)}(${bind(value === null ? null : JSON.stringify(value))}::json)`
}

/** `Object.fromEntries` defines its keys, so a column called `__proto__` is a key like any other. */
function only(row: Row, columns: readonly string[]): Row {
  return Object.fromEntries(Object.entries(row).filter(([column]) => columns.includes(column)))
}

function without(row: Row, columns: readonly string[]): Row {
  if (columns.length === 0) return row
  return Object.fromEntries(Object.entries(row).filter(([column]) => !columns.includes(column)))
}
