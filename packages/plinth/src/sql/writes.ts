import type { Delete, Insert, Outputs, Relation, Row, Update, Upsert } from '../operation/operation.ts'
import { invalid, outputs, relation, unlisted, whereClause } from './clauses.ts'
import type { Bind } from './parameters.ts'
import { quoteName } from './sql.ts'
import { rowType } from './row-type.ts'

/**
 * A write in the two parts that can be put together differently: the common table expressions, if any, and the
 * statement that yields the written rows.
 */
export interface Written {
  readonly with: readonly string[]
  readonly main: string
}

/**
 * Rows go in as one JSON parameter that `json_populate_recordset` reads by the table's own row type: arrays, jsonb,
 * bytea, enums and domains need no knowledge of types here, and any number of rows has the same text (measured 4 %
 * slower than VALUES for one row, 2026-11).
 */
export function insert({ target, rows, columns, returning }: Insert, bind: Bind): Written {
  return { with: [], main: insertInto(target, rows, bind, columns) + returningClause(returning) }
}

function insertInto(target: Relation, rows: readonly Row[], bind: Bind, given?: readonly string[]): string {
  const columns = given ?? keysOf(rows)
  // PostgreSQL refuses a column named twice too, but reads all rows first: 40 kB of JSON can be 150 MB of VALUES.
  if (given && new Set(given).size < given.length) throw invalid(`An insert into ${target.name} names a column twice.`)
  const into = `insert into ${relation(target)}`
  if (rows.some((row) => columns.some((column) => !Object.hasOwn(row, column))))
    return `${into} ${list(columns)} values ${rows.map((row) => defaultingRow(target, row, columns, bind)).join(', ')}`
  const from = `from ${recordSet(target, bind(JSON.stringify(rows)))}`
  // A row of defaults alone: no column list, no select list.
  return columns.length === 0 ? `${into} select ${from}` : `${into} ${list(columns)} select ${names(columns)} ${from}`
}

/** One row of VALUES in which a missing key means the column's default, as only VALUES can say. */
function defaultingRow(target: Relation, row: Row, columns: readonly string[], bind: Bind): string {
  // PostgreSQL refuses a parameter that the text does not use, so a row of defaults alone binds nothing.
  const isEmpty = columns.every((column) => !Object.hasOwn(row, column))
  const json = isEmpty ? 'null' : bind(JSON.stringify(row))
  const record = `json_populate_record(null::${rowType(target)}, ${json}::json)`
  const items = columns.map((column) => (Object.hasOwn(row, column) ? `(${record}).${quoteName(column)}` : 'default'))
  return `(${items.join(', ')})`
}

export function upsert(operation: Upsert, bind: Bind): Written {
  const { target, rows, conflict, action, returning } = operation
  if (action === 'get') return getOrCreate(operation, bind)
  const into = insertInto(target, rows, bind)
  const on = conflict.length === 0 ? '' : ` ${list(conflict)}`
  switch (action) {
    case 'ignore':
      return { with: [], main: `${into} on conflict${on} do nothing${returningClause(returning)}` }
    case 'update':
      return {
        with: [],
        main: `${into} on conflict${on} do update set ${overwrite(operation)}${returningClause(returning)}`,
      }
    default:
      throw unlisted(action)
  }
}

function overwrite({ rows, conflict, overwrite }: Upsert): string {
  const columns = keysOf(rows)
  if (conflict.length === 0)
    throw invalid('An upsert that updates must name the columns that decide what is the same row.')
  // A row without a column would overwrite the old value with the default, which nobody asked for.
  if (rows.some((row) => columns.some((column) => !Object.hasOwn(row, column))))
    throw invalid('All rows of an upsert must have the same columns.', 'Group the rows by their columns.')
  const changed = overwrite ?? columns.filter((column) => !conflict.includes(column))
  // With nothing to change the key is set to itself: DO NOTHING would not return the row.
  return (changed.length === 0 ? conflict : changed)
    .map((column) => `${quoteName(column)} = excluded.${quoteName(column)}`)
    .join(', ')
}

/**
 * Finds the row or makes it, in one statement. ON CONFLICT DO NOTHING waits for a concurrent insert of the same key and
 * then makes nothing; `runOperation` asks again, and the next snapshot finds that row.
 */
function getOrCreate({ target, rows, conflict, returning }: Upsert, bind: Bind): Written {
  const [row] = rows
  if (row === undefined || rows.length > 1) throw invalid('An upsert that gets takes exactly one row.')
  const missing = conflict.find((column) => !Object.hasOwn(row, column))
  if (conflict.length === 0 || missing !== undefined)
    throw invalid(
      `The row to get must have its key${missing === undefined ? '' : `: ${JSON.stringify(missing)} is missing`}.`,
    )
  const json = bind(JSON.stringify(rows))
  const [found, made] = [cteName('found', target), cteName('made', target)]
  const columns = expressions(returning)
  const key = `(${names(conflict)}) = (select ${names(conflict)} from ${recordSet(target, json)})`
  const keys = Object.keys(row)
  return {
    with: [
      `${found} as (select ${columns} from ${relation(target)} where ${key})`,
      `${made} as (insert into ${relation(target)} ${list(keys)} select ${names(keys)} from ${recordSet(target, json)} ` +
        `where not exists (select from ${found}) on conflict ${list(conflict)} do nothing returning ${columns})`,
    ],
    main: `select * from ${found} union all select * from ${made}`,
  }
}

/** A common table expression hides a table of its name, so it never gets the target's. */
export function cteName(name: string, target: Relation): string {
  return quoteName(target.name === name ? `${name}_rows` : name)
}

/**
 * The new values come from a sub-select, not from FROM: no column of the condition or of RETURNING can be ambiguous.
 */
export function update({ target, set, where, returning }: Update, bind: Bind): Written {
  const columns = Object.keys(set)
  if (columns.length === 0) throw invalid(`An update of ${target.name} must change at least one column.`)
  if (where === undefined) throw invalid(`An update of ${target.name} needs a condition, or 'every row'.`)
  const record = `json_populate_record(null::${rowType(target)}, ${bind(JSON.stringify(set))}::json)`
  const values = `set (${names(columns)}) = (select ${names(columns)} from ${record})`
  return {
    with: [],
    main: `update ${relation(target)} ${values}${whereClause(where, bind)}${returningClause(returning)}`,
  }
}

export function remove({ target, where, returning }: Delete, bind: Bind): Written {
  if (where === undefined) throw invalid(`A delete on ${target.name} needs a condition, or 'every row'.`)
  return { with: [], main: `delete from ${relation(target)}${whereClause(where, bind)}${returningClause(returning)}` }
}

function recordSet(target: Relation, parameter: string): string {
  return `json_populate_recordset(null::${rowType(target)}, ${parameter}::json)`
}

function returningClause(returning: Outputs | undefined): string {
  return returning === undefined ? '' : ` returning ${expressions(returning)}`
}

/** RETURNING wants at least one expression; an empty list asks for the number of rows alone. */
function expressions(returning: Outputs = []): string {
  return returning.length === 0 ? '1' : outputs(returning)
}

/** Columns in the order in which they are first seen. */
function keysOf(rows: readonly Row[]): string[] {
  const [only] = rows
  return only && rows.length === 1 ? Object.keys(only) : [...new Set(rows.flatMap((row) => Object.keys(row)))]
}

const names = (columns: readonly string[]): string => columns.map(quoteName).join(', ')
const list = (columns: readonly string[]): string => `(${names(columns)})`
