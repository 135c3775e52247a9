import type { Json, Row } from 'plinth'
import type { Limits } from '../limits.ts'
import { isObject } from './json.ts'
import { invalidBody, tooMuch } from './refusals.ts'

export interface Payload {
  readonly rows: readonly Row[]
  /** Set when a row may lack a column, which then gets its default. */
  readonly columns?: readonly string[]
}

/** Of rows that `columns=` fills up, at most: a body may be much smaller than that. 0.6 s, 2026-11. */
const mostFilled = 1_000_000

/**
 * The rows to insert. Without `columns=` all rows must have the same keys. With it only those columns are read, and
 * what a row lacks is null, or its default under `missing=default`.
 */
export function rowsToInsert(
  value: Json,
  columns: readonly string[] | undefined,
  missing: 'default' | 'null',
  limits: Limits,
): Payload {
  const rows = objectsOf(value)
  if (rows.length > limits.rows) throw tooMuch(`More than ${limits.rows} rows in one write.`)
  if (columns === undefined) {
    checkSameKeys(rows)
    return { rows }
  }
  if (rows.length * columns.length > mostFilled)
    throw tooMuch(`More than ${mostFilled} values: ${rows.length} rows of ${columns.length} columns.`)
  if (missing === 'null') return { rows: rows.map((row) => filledRow(row, columns)) }
  const given = rows.map((row) => Object.fromEntries(Object.entries(row).filter(([key]) => columns.includes(key))))
  return { rows: given, columns }
}

export interface Changes {
  readonly set: Row
  /** Columns that get their default. */
  readonly defaults?: readonly string[]
}

/**
 * The values of an update: one object, or a list of exactly one. Of `columns=` what it lacks becomes null, or its
 * default under `missing=default`.
 */
export function valuesToSet(value: Json, columns: readonly string[] | undefined, missing: 'default' | 'null'): Changes {
  const [row, ...others] = objectsOf(value)
  if (row === undefined) return { set: {} }
  if (others.length > 0) throw invalidBody('All object keys must match', 'A PATCH takes one object.')
  if (columns === undefined) return { set: row }
  if (missing === 'null') return { set: filledRow(row, columns) }
  const [given, defaults] = [
    columns.filter((one) => Object.hasOwn(row, one)),
    columns.filter((one) => !Object.hasOwn(row, one)),
  ]
  return { set: filledRow(row, given), ...(defaults.length > 0 && { defaults }) }
}

/** The row of a PUT, maybe among others that its URL does not name. */
export function rowsToPut(value: Json, columns: readonly string[] | undefined): readonly Row[] {
  const rows = objectsOf(value)
  checkSameKeys(rows)
  return columns === undefined ? rows : rows.map((row) => filledRow(row, columns))
}

function objectsOf(value: Json): readonly Row[] {
  const values: readonly Json[] = Array.isArray(value) ? value : [value]
  const rows = values.filter(isObject)
  if (rows.length < values.length) throw invalidBody('Empty or invalid json', 'Send an object or an array of objects.')
  return rows
}

/** `Object.fromEntries` defines its keys, so a column called `__proto__` is a key like any other. */
function filledRow(row: Row, columns: readonly string[]): Row {
  return Object.fromEntries(
    columns.map((column) => [column, Object.hasOwn(row, column) ? (row[column] ?? null) : null]),
  )
}

export function checkSameKeys(rows: readonly Row[]): void {
  const [first] = rows
  if (first === undefined) return
  const keys = Object.keys(first)
  const isSame = (row: Row): boolean =>
    Object.keys(row).length === keys.length && keys.every((key) => Object.hasOwn(row, key))
  if (!rows.every(isSame)) throw invalidBody('All object keys must match')
}
