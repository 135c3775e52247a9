import { invalidOperation } from '../operation/invalid-operation.ts'
import type { Delete, Insert, Row, Update, Upsert } from '../operation/operation.ts'
import { unlisted } from './closed-lists.ts'
import { condition } from './conditions.ts'
import type { Context, Source } from './context.ts'
import { namedSource, relation, tableSource } from './fields.ts'
import { conditioned } from './read.ts'
import { quoteName } from './sql.ts'
import { defaultingRow, givenRow, givenRows } from './given-rows.ts'

/**
 * A write in the two parts that can be put together differently: the common table expressions, if any, and the
 * statement that yields the written rows.
 */
export interface Written {
  readonly with: readonly string[]
  readonly main: string
}

/** The list of RETURNING, of a table under an alias; undefined: nothing is returned. */
export type Returning = ((alias: string) => string) | undefined

export type Write = Insert | Upsert | Update | Delete

export function writeRows(operation: Write, returning: Returning, context: Context): Written {
  switch (operation.kind) {
    case 'insert':
      return insert(operation, returning, context)
    case 'upsert':
      return upsert(operation, returning, context)
    case 'update':
      return update(operation, returning, context)
    case 'delete':
      return remove(operation, returning, context)
    default:
      throw unlisted(operation)
  }
}

function insert(operation: Insert, returning: Returning, context: Context): Written {
  const alias = context.alias()
  return { with: [], main: insertInto(operation, alias, context) + returningClause(returning, alias) }
}

type Inserted = Pick<Insert, 'target' | 'rows' | 'columns' | 'parse'> & Pick<Upsert, 'where'>

function insertInto(operation: Inserted, alias: string, context: Context): string {
  const { target, rows, columns: given, where } = operation
  const columns = given ?? keysOf(rows)
  // PostgreSQL refuses a column named twice too, but reads all rows first: 40 kB of JSON can be 150 MB of VALUES.
  if (given && new Set(given).size < given.length)
    throw invalidOperation(`An insert into ${target.name} names a column twice.`)
  const into = `insert into ${relation(target)} as ${alias}${columns.length === 0 ? '' : ` ${list(columns)}`}`
  if (isUneven(rows, columns)) {
    if (where !== undefined)
      throw invalidOperation('Rows that are written on a condition must all have the same columns.')
    return `${into} values ${rows.map((row) => defaultingRow(operation, row, columns, context)).join(', ')}`
  }
  const source = namedSource(givenRows(operation, rows, columns, context), context.alias())
  const on = where === undefined ? '' : ` where ${condition(where, conditioned([], source, context), context)}`
  // A row of defaults alone: no column list, no select list.
  return `${into} select${columns.length === 0 ? '' : ` ${names(columns, source.alias)}`} from ${source.from}${on}`
}

function isUneven(rows: readonly Row[], columns: readonly string[]): boolean {
  return rows.some((row) => columns.some((column) => !Object.hasOwn(row, column)))
}

function upsert(operation: Upsert, returning: Returning, context: Context): Written {
  const { conflict, action } = operation
  if (action === 'get') return getOrCreate(operation, returning, context)
  const alias = context.alias()
  const into = insertInto(operation, alias, context)
  const on = `${into} on conflict${conflict.length === 0 ? '' : ` ${list(conflict)}`}`
  switch (action) {
    case 'ignore':
      return { with: [], main: `${on} do nothing${returningClause(returning, alias)}` }
    case 'update':
      return {
        with: [],
        main: `${on} do update set ${overwrite(operation, context)}${returningClause(returning, alias)}`,
      }
    default:
      throw unlisted(action)
  }
}

/** What stands behind `do update set`. */
function overwrite({ rows, columns: given, conflict, overwrite }: Upsert, { countsUpdated }: Context): string {
  const columns = given ?? keysOf(rows)
  if (conflict.length === 0)
    throw invalidOperation('An upsert that updates must name the columns that decide what is the same row.')
  // A row without a column would overwrite the old value with the default, which nobody asked for.
  if (given === undefined && isUneven(rows, columns))
    throw invalidOperation('All rows of an upsert must have the same columns.', 'Group the rows by their columns.')
  const changed = overwrite ?? columns.filter((column) => !conflict.includes(column))
  // With nothing to change the key is set to itself: DO NOTHING would not return the row.
  const values = (changed.length === 0 ? conflict : changed)
    .map((column) => `${quoteName(column)} = excluded.${quoteName(column)}`)
    .join(', ')
  return countsUpdated ? `${values} where ${countOneUpdated}` : values
}

/** Rows of an upsert that were there before, counted in a setting of the transaction while they are overwritten. */
export const updatedRows = `coalesce(nullif(current_setting('plinth.updated', true), ''), '0')::bigint`
const countOneUpdated = `set_config('plinth.updated', (${updatedRows} + 1)::text, true) is not null`

/**
 * Finds the row or makes it, in one statement. ON CONFLICT DO NOTHING waits for a concurrent insert of the same key and
 * then makes nothing; `runOperation` asks again, and the next snapshot finds that row.
 */
function getOrCreate(operation: Upsert, returning: Returning, context: Context): Written {
  const { target, rows, conflict } = operation
  const row = keyedRow(rows, conflict)
  const [found, made] = [context.named('found'), context.named('made')]
  const theirs = tableSource(target, context)
  const keys = Object.keys(row)
  const ours = namedSource(givenRows(operation, rows, keys, context), context.alias())
  const read = returning ?? (() => '1')
  const key = `(${names(conflict, theirs.alias)}) = (select ${names(conflict, ours.alias)} from ${ours.from})`
  const alias = context.alias()
  return {
    with: [
      `${found} as (select ${read(theirs.alias)} from ${theirs.from} where ${key})`,
      `${made} as (insert into ${relation(target)} as ${alias} ${list(keys)} ` +
        `select ${names(keys, ours.alias)} from ${ours.from} where not exists (select from ${found}) ` +
        `on conflict ${list(conflict)} do nothing returning ${read(alias)})`,
    ],
    main: `select * from ${found} union all select * from ${made}`,
  }
}

function keyedRow(rows: readonly Row[], conflict: readonly string[]): Row {
  const [row] = rows
  if (row === undefined || rows.length > 1) throw invalidOperation('An upsert that gets takes exactly one row.')
  const missing = conflict.find((column) => !Object.hasOwn(row, column))
  if (conflict.length > 0 && missing === undefined) return row
  throw invalidOperation(
    `The row to get must have its key${missing === undefined ? '' : `: ${JSON.stringify(missing)} is missing`}.`,
  )
}

/**
 * The new values come from a sub-select, not from FROM: no column of the condition or of RETURNING can be ambiguous.
 */
function update(operation: Update, returning: Returning, context: Context): Written {
  const { target, set, defaults = [] } = operation
  const columns = Object.keys(set)
  if (columns.length + defaults.length === 0)
    throw invalidOperation(`An update of ${target.name} must change at least one column.`)
  const source = tableSource(target, context)
  const given = context.alias()
  const values = [
    ...(columns.length === 0 ? [] : [`${list(columns)} = (${valuesOf(operation, columns, given, context)})`]),
    ...defaults.map((column) => `${quoteName(column)} = default`),
  ].join(', ')
  const where = matching(operation, source, context)
  return { with: [], main: `update ${source.from} set ${values}${where}${returningClause(returning, source.alias)}` }
}

function valuesOf(operation: Update, columns: readonly string[], given: string, context: Context): string {
  return `select ${names(columns, given)} from ${givenRow(operation, operation.set, context)} as ${given}`
}

function remove(operation: Delete, returning: Returning, context: Context): Written {
  const source = tableSource(operation.target, context)
  const where = matching(operation, source, context)
  return { with: [], main: `delete from ${source.from}${where}${returningClause(returning, source.alias)}` }
}

/** ` where …`, or nothing for every row, which must be said. */
function matching({ kind, target, where, returning }: Update | Delete, source: Source, context: Context): string {
  if (where === undefined)
    throw invalidOperation(
      `${kind === 'update' ? 'An update of' : 'A delete on'} ${target.name} needs a condition, or 'every row'.`,
    )
  if (where === 'every row') return ''
  return ` where ${condition(where, conditioned(returning ?? [], source, context), context)}`
}

function returningClause(returning: Returning, alias: string): string {
  return returning === undefined ? '' : ` returning ${returning(alias)}`
}

/** Columns in the order in which they are first seen. */
function keysOf(rows: readonly Row[]): string[] {
  const [only] = rows
  return only && rows.length === 1 ? Object.keys(only) : [...new Set(rows.flatMap((row) => Object.keys(row)))]
}

const names = (columns: readonly string[], alias: string): string =>
  columns.map((column) => `${alias}.${quoteName(column)}`).join(', ')
const list = (columns: readonly string[]): string => `(${columns.map(quoteName).join(', ')})`
