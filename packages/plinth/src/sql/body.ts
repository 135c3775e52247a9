import { isPlinthError } from '../errors.ts'
import type { Call, Select } from '../operation/operation.ts'
import { type BodyFormat, bodyOf, type BodyRows } from './body-formats.ts'
import { calledRows, invocation } from './calls.ts'
import { type Context, type Source, writeStatement } from './context.ts'
import { namedSource, tableSource } from './fields.ts'
import { isGrouped, selectList } from './outputs.ts'
import type { Statement } from './parameters.ts'
import { limited, type ReadRows, readRows } from './read.ts'
import { type Carried, carried, plainReturning } from './returned.ts'
import { quoteName } from './sql.ts'
import { updatedRows, type Write, writeRows } from './writes.ts'

export interface BodyOptions {
  /** Also counts the rows that limit and offset leave out. */
  readonly exactCount: boolean
  /** Counts no further than this. */
  readonly countAtMost?: number
  /** A write that touches fewer or more rows fails as a whole, in the same statement: see `rowsRefused`. */
  readonly allowedRows?: { readonly least: number; readonly most: number }
  /** False: the rows of a select are counted and not read; `body` is NULL. Default true. */
  readonly hasBody?: boolean
  /** The function yields bare values, not rows: its body is made of them. */
  readonly isScalar?: boolean
  /** A longer body fails the statement, a write with it: see `bytesRefused`. Absent: any length. */
  readonly mostBytes?: number
  /** Default `{ kind: 'array' }`. */
  readonly format?: BodyFormat
  /** Rows at most in the answer and in each list of it, whatever limit says. Absent: no limit. */
  readonly maxRows?: number
  /** Adds `headers` and `status` (texts or NULL): the settings response.headers and response.status. */
  readonly readsResponse?: boolean
  /** Adds `inserted` (bigint), the rows that an upsert did not find there. */
  readonly countsInserted?: boolean
}

/**
 * The SQL of an operation whose rows PostgreSQL turns into one body. Answers one row: `body` (text, or bytea for a raw
 * one; NULL for a write without `returning`), `rows` (bigint, the rows in it, or written), `total` (bigint; NULL
 * without `exactCount`), and behind them what else was asked for.
 */
export function compileBody(operation: Select | Write | Call, options: BodyOptions): Statement {
  const { maxRows = Infinity, countsInserted = false } = options
  const countsUpdated = countsInserted && operation.kind === 'upsert' && operation.action === 'update'
  return writeStatement(operation, { nested: 'json', maxRows, countsUpdated }, (context) => {
    if (operation.kind === 'select') return statementOf(selectBody(operation, options, context), options, context)
    if (operation.kind === 'call') return statementOf(callBody(operation, options, context), options, context)
    return statementOf(writeBody(operation, options, context), options, context)
  })
}

/** The parts of the statement that answers the one row. */
interface BodyParts {
  readonly with: readonly string[]
  readonly rows: BodyRows
  readonly count: string
  readonly total: string
  /** Absent: all that were written. */
  readonly inserted?: string
}

function statementOf(parts: BodyParts, options: BodyOptions, context: Context): string {
  const { format = { kind: 'array' }, readsResponse = false, countsInserted = false, mostBytes } = options
  const made = bodyOf(parts.rows, format, context)
  const columns: readonly (readonly [name: string, value: string])[] = [
    ['body', made.body],
    ['rows', parts.count],
    ['total', parts.total],
    ...(readsResponse ? responseSettings : []),
    ...(countsInserted ? ([['inserted', parts.inserted ?? parts.count]] as const) : []),
  ]
  const row = `select ${columns.map(([name, value]) => `${value} as "${name}"`).join(', ')} from ${made.from}`
  const names = columns.map(([name]) => name)
  const expressions = [...parts.with, ...made.with]
  const before = expressions.length === 0 ? '' : `with ${expressions.join(', ')} `
  return (
    before + (mostBytes === undefined ? row : guarded(row, names, { mostBytes, isText: format.kind !== 'handler' }))
  )
}

const responseSettings = (['headers', 'status'] as const).map(
  (name) => [name, `nullif(current_setting('response.${name}', true), '')`] as const,
)

/** PostgreSQL makes texts of 1 GiB, and JavaScript holds none of 512 MiB: so the length is looked at there. */
function guarded(row: string, names: readonly string[], limit: { mostBytes: number; isText: boolean }): string {
  const { mostBytes } = limit
  // What an aggregate yields may be of any type.
  const bytes = limit.isText ? 'octet_length("body")' : 'pg_column_size("body")'
  const rows = `case when ${bytes} > ${mostBytes} then ('plinth bytes ' || ${bytes})::bigint else "rows" end as "rows"`
  return `select ${names.map((name) => (name === 'rows' ? rows : `"${name}"`)).join(', ')} from (${row}) as "answer"`
}

function selectBody(operation: Select, options: BodyOptions, context: Context): BodyParts {
  const { target, columns } = operation
  const level = limited(operation, context)
  const read = readRows(level, tableSource(target, context), context)
  const isWhole = level.limit === undefined && level.offset === undefined && !isGrouped(columns)
  return {
    with: [],
    rows: { from: `(${select(read)})`, isRead: options.hasBody ?? true },
    count: 'count(*)',
    total: isWhole && options.exactCount ? 'count(*)' : total(read.matching, options, context),
  }
}

const select = ({ items, select }: ReadRows): string => select(selectList(items))

function total(matching: string, { exactCount, countAtMost }: BodyOptions, { bind, alias }: Context): string {
  if (countAtMost !== undefined)
    return `(select count(*) from (select${matching} limit ${bind(String(countAtMost))}) as ${alias()})`
  return exactCount ? `(select count(*)${matching})` : 'null::bigint'
}

/** An array for a set; else the one value or row. NULL for a function that returns nothing. */
function callBody(operation: Call, options: BodyOptions, context: Context): BodyParts {
  const { result, columns = 'all' } = operation
  const isOne = result !== 'rows'
  const counted = guardedCount('count(*)', options, context)
  // In FROM the function always runs; in a select list nobody reads, the planner drops one that is not volatile.
  if (result === 'none')
    return {
      with: [],
      rows: { from: invocation(operation, context), isRead: false },
      count: 'count(*)',
      total: 'null::bigint',
    }
  const isRead = options.hasBody ?? true
  const called = options.isScalar ? scalarSource(operation, context) : calledRows(operation, context)
  const level = limited({ ...operation, columns: options.isScalar ? 'all' : columns }, context)
  const isWhole = level.limit === undefined && level.offset === undefined && !isGrouped(level.columns)
  const needsTotal = (options.exactCount || options.countAtMost !== undefined) && !isWhole
  const source = needsTotal ? onceOnly(called, context) : { with: [], source: called }
  const read = readRows(level, source.source, context)
  const rows = { from: `(${select(read)})`, isRead, isOne, isScalar: options.isScalar ?? false }
  const all = options.exactCount ? 'count(*)' : 'null::bigint'
  return { with: source.with, rows, count: counted, total: needsTotal ? total(read.matching, options, context) : all }
}

/** Bare values, in a column of the function's name. */
function scalarSource(operation: Call, context: Context): Source {
  // Not in FROM, where a function of type record needs a list of its columns.
  return namedSource(
    `(select ${invocation(operation, context)} as ${quoteName(operation.target.name)})`,
    context.alias(),
  )
}

/** A function that is read twice, for its rows and for their number, is still called once. */
function onceOnly({ from, star }: Source, context: Context): { with: string[]; source: Source } {
  const called = context.named('called')
  return {
    with: [`${called} as materialized (select ${star} from ${from})`],
    source: namedSource(called, context.alias()),
  }
}

function writeBody(operation: Write, options: BodyOptions, context: Context): BodyParts {
  const written = context.named('written')
  const plain = plainReturning(operation, context)
  const carries = plain ? undefined : carried(operation)
  const { with: expressions, main } = writeRows(operation, plain ?? carries?.returning, context)
  const all = carries === undefined ? 'count(*)' : `(select count(*) from ${written})`
  const isRead = operation.returning !== undefined
  return {
    with: [...expressions, `${written} as (${main})`],
    rows: { from: carries === undefined ? written : `(${readWritten(operation, carries, written, context)})`, isRead },
    count: guardedCount(all, options, context),
    total: options.exactCount ? all : 'null::bigint',
    ...(context.countsUpdated && { inserted: `${all} - ${updatedRows}` }),
  }
}

function readWritten(operation: Write, { source }: Carried, written: string, context: Context): string {
  const { returning = [], order } = operation
  return select(readRows({ columns: returning, ...(order && { order }) }, source(written, context), context))
}

/**
 * The number of rows, or an error that undoes the write: the count goes into a cast that cannot succeed. One statement
 * thus does what otherwise takes a transaction of three round trips.
 */
function guardedCount(count: string, { allowedRows }: BodyOptions, { bind }: Context): string {
  if (allowedRows === undefined) return count
  const range = `${bind(String(allowedRows.least))}::bigint and ${bind(String(allowedRows.most))}::bigint`
  return `case when ${count} between ${range} then ${count} else ('plinth rows ' || ${count})::bigint end`
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
