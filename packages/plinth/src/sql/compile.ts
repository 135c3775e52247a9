import type { Call, Count, Delete, Insert, Json, Operation, Select, Update, Upsert } from '../operation/operation.ts'
import { isPlinthError } from '../errors.ts'
import { type ArrayItem, arrayText } from '../operation/array-text.ts'
import { cteName, insert, remove, update, upsert, type Written } from './writes.ts'
import { limitClause, orderClause, outputs, relation, unlisted, whereClause } from './clauses.ts'
import { type Bind, type Statement, statement } from './parameters.ts'
import { quoteName } from './sql.ts'

export type { Statement } from './parameters.ts'

/**
 * The SQL of an operation. Pure. Names are quoted, values are bound, and everything else comes from closed lists, so
 * the text depends on the operation's shape alone.
 *
 * Throws InvalidOperation.
 */
export function compile(operation: Operation): Statement {
  return statement((bind) => {
    switch (operation.kind) {
      case 'select':
        return select(operation, bind)
      case 'count':
        return count(operation, bind)
      case 'call':
        return call(operation, bind)
      default:
        return assemble(write(operation, bind))
    }
  })
}

export interface BodyOptions {
  /** Also counts the rows that limit and offset leave out. */
  readonly exactCount: boolean
  /** A write that touches fewer or more rows fails as a whole, in the same statement: see `rowsRefused`. */
  readonly allowedRows?: { readonly least: number; readonly most: number }
  /** False: the rows of a select are counted and not read; `body` is NULL. Default true. */
  readonly hasBody?: boolean
  /** The function yields bare values, not rows: its body is made of them. */
  readonly isScalar?: boolean
  /** A longer body fails the statement, a write with it: see `bytesRefused`. Absent: any length. */
  readonly mostBytes?: number
}

/**
 * The SQL of an operation whose rows PostgreSQL turns into one JSON text. Answers one row: `body` (text, a JSON array;
 * NULL for a write without `returning`), `rows` (bigint, the rows in it, or written), `total` (bigint; NULL without
 * `exactCount`).
 */
export function compileBody(
  operation: Select | Insert | Upsert | Update | Delete | Call,
  options: BodyOptions,
): Statement {
  const { exactCount, allowedRows, mostBytes } = options
  return statement((bind) => {
    if (operation.kind === 'select') return bodyRow(selectBody(operation, options, bind), mostBytes)
    if (operation.kind === 'call') return bodyRow(callBody(operation, options, bind), mostBytes)
    const { with: expressions, main } = write({ ...operation, returning: operation.returning ?? [] }, bind)
    const written = cteName('written', operation.target)
    const body = operation.returning === undefined ? 'null::text' : jsonRows(written)
    const total = exactCount ? 'count(*)' : 'null::bigint'
    const row = { body, rows: guardedCount(allowedRows, bind), total, from: written }
    return `with ${[...expressions, `${written} as (${main})`].join(', ')} ${bodyRow(row, mostBytes)}`
  })
}

/** The parts of the statement that answers the one row. */
interface BodyRow {
  readonly body: string
  readonly rows: string
  readonly total: string
  readonly from: string
}

/** PostgreSQL makes texts of 1 GiB, and JavaScript holds none of 512 MiB: so the length is looked at there. */
function bodyRow({ body, rows, total, from }: BodyRow, mostBytes: number | undefined): string {
  const row = `select ${body} as "body", ${rows} as "rows", ${total} as "total" from ${from}`
  if (mostBytes === undefined) return row
  const bytes = 'octet_length("body")'
  const refused = `('plinth bytes ' || ${bytes})::bigint::text`
  const guarded = `case when ${bytes} > ${mostBytes} then ${refused} else "body" end`
  return `select ${guarded} as "body", "rows", "total" from (${row}) as "answer"`
}

/**
 * The number of rows, or an error that undoes the write: the count goes into a cast that cannot succeed. One statement
 * thus does what otherwise takes a transaction of three round trips.
 */
function guardedCount(allowed: BodyOptions['allowedRows'], bind: Bind): string {
  if (allowed === undefined) return 'count(*)'
  const range = `${bind(String(allowed.least))}::bigint and ${bind(String(allowed.most))}::bigint`
  return `case when count(*) between ${range} then count(*) else ('plinth rows ' || count(*))::bigint end`
}

/** How many rows a write with `allowedRows` would have touched, read from the error it failed with. */
export function rowsRefused(error: unknown): number | undefined {
  return refusedNumber(error, /"plinth rows (\d+)"/)
}

/** How many bytes a body longer than `mostBytes` has, read from the error. */
export function bytesRefused(error: unknown): number | undefined {
  return refusedNumber(error, /"plinth bytes (\d+)"/)
}

function refusedNumber(error: unknown, pattern: RegExp): number | undefined {
  if (!isPlinthError(error) || error.sqlstate !== '22P02') return undefined
  const number = pattern.exec(error.server?.message ?? '')?.[1]
  return number === undefined ? undefined : Number(number)
}

/** An array for a set; else the one value or row. NULL for a function that returns nothing. */
function callBody(operation: Call, { isScalar = false, allowedRows }: BodyOptions, bind: Bind): BodyRow {
  const from = invocation(operation, bind)
  // In FROM the function always runs; in a select list nobody reads, the planner drops one that is not volatile.
  if (operation.result === 'none') return { body: 'null::text', rows: 'count(*)', total: 'null::bigint', from }
  // A function with one out column yields bare values in FROM; a sub-select around it makes them rows again.
  const [one, rows] = isScalar
    ? ['"r"."value"', `${from} as "r"("value")`]
    : ['"r".*', `(select * from ${from}) as "r"`]
  const body = operation.result === 'rows' ? `coalesce(json_agg(${one}), '[]')` : `json_agg(${one}) -> 0`
  const count = guardedCount(allowedRows, bind)
  return { body: `(${body})::text`, rows: count, total: 'null::bigint', from: rows }
}

function selectBody(operation: Select, { exactCount, hasBody = true }: BodyOptions, bind: Bind): BodyRow {
  const where = whereClause(operation.where, bind)
  const total = exactCount ? `(select count(*) from ${relation(operation.target)}${where})` : 'null::bigint'
  const rows = select(operation, bind, where)
  const body = hasBody ? jsonRows('"r"') : 'null::text'
  return { body, rows: 'count(*)', total, from: `(${rows}) as "r"` }
}

/** `r.*` is the row even where a column is called r; plain `r` would be that column. */
const jsonRows = (name: string): string => `coalesce(json_agg(${name}.*), '[]')::text`

function select(operation: Select, bind: Bind, where: string = whereClause(operation.where, bind)): string {
  const { target, columns, order, limit, offset, result } = operation
  // The cursor of a page is made of its ordering columns, read a second time behind the caller's.
  const cursor = typeof result === 'object' ? (order ?? []).map(({ column }) => quoteName(column)) : []
  const read = [...(columns.length === 0 ? [] : [outputs(columns)]), ...cursor].join(', ')
  return (
    `select${read && ` ${read}`} from ${relation(target)}${where}` +
    orderClause(order) +
    limitClause(limit, offset, bind)
  )
}

function count({ target, where }: Count, bind: Bind): string {
  return `select count(*) from ${relation(target)}${whereClause(where, bind)}`
}

/** Named notation, so that a default can be left out and the order of arguments does not matter. */
function invocation({ target, args }: Call, bind: Bind): string {
  const named = Object.entries(args).map(([name, value]) => `${quoteName(name)} => ${bind(argumentText(value))}`)
  return `${relation(target)}(${named.join(', ')})`
}

function call(operation: Call, bind: Bind): string {
  const { result } = operation
  const from = result === 'value' || result === 'none' ? '' : '* from '
  return `select ${from}${invocation(operation, bind)}`
}

/** A list is a PostgreSQL array, an object is JSON. A list for a json argument must come as its JSON text. */
function argumentText(value: Json): string | null {
  if (value === null || typeof value === 'string') return value
  if (Array.isArray(value)) return arrayText(value.map(arrayItem))
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function arrayItem(value: Json): ArrayItem {
  return Array.isArray(value) ? value.map(arrayItem) : argumentText(value)
}

function write(operation: Insert | Upsert | Update | Delete, bind: Bind): Written {
  switch (operation.kind) {
    case 'insert':
      return insert(operation, bind)
    case 'upsert':
      return upsert(operation, bind)
    case 'update':
      return update(operation, bind)
    case 'delete':
      return remove(operation, bind)
    default:
      throw unlisted(operation)
  }
}

function assemble({ with: expressions, main }: Written): string {
  return expressions.length === 0 ? main : `with ${expressions.join(', ')} ${main}`
}
