import type { Relation } from '../operation/operation.ts'
import { unlisted } from './closed-lists.ts'
import type { Context } from './context.ts'
import { namedSource, relation } from './fields.ts'

/** What PostgreSQL makes of the rows. */
export type BodyFormat =
  /** A JSON array; of a function that returns one value or row, that. */
  | { readonly kind: 'array'; readonly stripsNulls?: true }
  /** RFC 4180 with a line of names; NULL is empty, and an empty text is `""`. */
  | { readonly kind: 'csv' }
  /** The one value as it is. */
  | { readonly kind: 'raw'; readonly of: 'text' | 'bytea' }
  /** What an aggregate of the database makes of them; of the rows of `row` alone, where that is its argument's type. */
  | {
      readonly kind: 'handler'
      readonly function: Relation
      readonly row?: Relation
    }

/** The rows of a body before they are one. */
export interface BodyRows {
  /** A sub-select, a common table expression or a call. */
  readonly from: string
  /** False: they are counted, and the body is NULL. */
  readonly isRead: boolean
  /** One row, and not in a list. */
  readonly isOne?: boolean
  /** Bare values and not rows. */
  readonly isScalar?: boolean
}

interface Body {
  readonly with: readonly string[]
  readonly body: string
  readonly from: string
}

export function bodyOf(rows: BodyRows, format: BodyFormat, context: Context): Body {
  const alias = context.alias()
  const { from } = namedSource(rows.from, alias)
  if (!rows.isRead) return { with: [], body: 'null::text', from }
  // The first column whatever its name is; `r1.*` is the row even where a column is called r1.
  const [values, item] = rows.isScalar ? [`${from}("value")`, `${alias}."value"`] : [from, `${alias}.*`]
  switch (format.kind) {
    case 'array':
      return { with: [], body: jsonBody(item, rows, format.stripsNulls === true), from: values }
    case 'csv':
      return csvBody(rows.from, context)
    case 'raw':
      return { with: [], body: joined(`${alias}."value"`, format.of), from: `${from}("value")` }
    case 'handler': {
      const row = format.row === undefined ? item : `(${item})::${relation(format.row)}`
      return { with: [], body: `${relation(format.function)}(${row})`, from: values }
    }
    default:
      throw unlisted(format)
  }
}

function jsonBody(item: string, { isOne }: BodyRows, stripsNulls: boolean): string {
  const json = isOne ? `json_agg(${item}) -> 0` : `coalesce(json_agg(${item}), '[]')`
  return stripsNulls ? `json_strip_nulls(${json})::text` : isOne ? `(${json})::text` : `${json}::text`
}

/**
 * The one value: none is NULL, as of the aggregate. `concat` writes it as PostgreSQL shows it, which of xml is not
 * what a cast to text gives: that has an empty first line.
 */
function joined(value: string, of: 'text' | 'bytea'): string {
  return of === 'bytea' ? `string_agg(${value}::bytea, ''::bytea)` : `string_agg(concat(${value}), '')`
}

/**
 * PostgreSQL writes a row as a line of CSV in parentheses, but doubles each backslash, which CSV does not. The names
 * come from the first row: there is no line of them when there is none.
 */
function csvBody(rows: string, context: Context): Body {
  const lines = context.named('lines')
  const [alias, first, name] = [context.alias(), context.alias(), context.alias()]
  const line = `replace(left(substr((${alias}.*)::text, 2), -1), '\\\\', '\\')`
  const key = `${name}."name"`
  const quoted = `case when ${key} ~ '[",\\r\\n]' then '"' || replace(${key}, '"', '""') || '"' else ${key} end`
  const keys = `json_object_keys((select row_to_json(${first}.*) from ${lines} as ${first} limit 1)) as ${name}("name")`
  const names = `coalesce((select string_agg(${quoted}, ',') from ${keys}), '')`
  return {
    with: [`${lines} as (select * from ${namedSource(rows, context.alias()).from})`],
    body: `${names} || chr(10) || coalesce(string_agg(${line}, chr(10)), '')`,
    from: `${lines} as ${alias}`,
  }
}
