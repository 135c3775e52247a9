import type { Call, Count, Delete, Insert, Json, Operation, Select, Update, Upsert } from '../operation/operation.ts'
import { type ArrayItem, arrayText } from './array-text.ts'
import { cteName, insert, remove, update, upsert, type Written } from './writes.ts'
import { limitClause, orderClause, outputs, relation, unlisted, whereClause } from './clauses.ts'
import { type Bind, type Statement, statement } from './parameters.ts'
import { quoteName } from './sql.ts'

export type { Statement } from './parameters.ts'

/**
 * The SQL of an operation. Pure. Names are quoted, values are bound, and everything else comes from closed lists, so the
 * text depends on the operation's shape alone.
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
}

/**
 * The SQL of an operation whose rows PostgreSQL turns into one JSON text. Answers one row: `body` (text, a JSON array;
 * NULL for a write without `returning`), `rows` (bigint, the rows in it, or written), `total` (bigint; NULL without
 * `exactCount`).
 */
export function compileBody(
  operation: Select | Insert | Upsert | Update | Delete,
  { exactCount }: BodyOptions,
): Statement {
  return statement((bind) => {
    if (operation.kind === 'select') return selectBody(operation, exactCount, bind)
    const { with: expressions, main } = write({ ...operation, returning: operation.returning ?? [] }, bind)
    const written = cteName('written', operation.target)
    const body = operation.returning === undefined ? 'null::text' : jsonRows(written)
    const total = exactCount ? 'count(*)' : 'null::bigint'
    return (
      `with ${[...expressions, `${written} as (${main})`].join(', ')} ` +
      `select ${body} as "body", count(*) as "rows", ${total} as "total" from ${written}`
    )
  })
}

function selectBody(operation: Select, exactCount: boolean, bind: Bind): string {
  const where = whereClause(operation.where, bind)
  const total = exactCount ? `(select count(*) from ${relation(operation.target)}${where})` : 'null::bigint'
  const rows = select(operation, bind, where)
  return `select ${jsonRows('"r"')} as "body", count(*) as "rows", ${total} as "total" from (${rows}) as "r"`
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
function call({ target, args, result }: Call, bind: Bind): string {
  const named = Object.entries(args).map(([name, value]) => `${quoteName(name)} => ${bind(argumentText(value))}`)
  const invoked = `${relation(target)}(${named.join(', ')})`
  return result === 'value' || result === 'none' ? `select ${invoked}` : `select * from ${invoked}`
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
