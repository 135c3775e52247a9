/**
 * What a caller asks for, as plain data: an operation survives `JSON.stringify`, so it can be run here, sent to a hub,
 * or carried in a batch. Identifiers are names in the database; a value is text that PostgreSQL parses by the column's
 * type, or JSON for rows to write.
 */
export type Operation = Select | Count | Insert | Upsert | Update | Delete | Call

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** A row to write: column name to JSON value. Timestamps are ISO text, bytes are `\x` hex text, int8 may be text. */
export type Row = { readonly [column: string]: Json }

export interface Relation {
  /** Absent: found by the connection's search_path. */
  readonly schema?: string
  readonly name: string
}

/** How a value reaches JavaScript where that differs from the default of its PostgreSQL type (see decode.ts). */
export type Reading = 'string' | 'number' | 'bigint' | 'date' | 'json'

export interface Output {
  readonly column: string
  /** Name in the result; absent: the column's own. */
  readonly as?: string
  /** Type name from the closed list in sql/casts.ts. */
  readonly cast?: string
  readonly read?: Reading
  /** An array whose type is not built in, as an enum's: its oid alone does not tell. */
  readonly array?: true
}

export type Outputs = readonly Output[] | 'all'

export type CompareOperator = 'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte' | 'like' | 'ilike'

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'compare'; readonly column: string; readonly operator: CompareOperator; readonly value: string }
  | { readonly kind: 'in'; readonly column: string; readonly values: readonly string[] }
  | { readonly kind: 'is'; readonly column: string; readonly value: 'null' | 'not_null' | 'true' | 'false' | 'unknown' }

export interface Order {
  readonly column: string
  readonly direction?: 'asc' | 'desc'
  readonly nulls?: 'first' | 'last'
}

/**
 * How the rows become the caller's result:
 * `rows` all; `row` the only one, or RowNotFound; `first` one or undefined; `count` the number of rows touched or
 * counted; `exists` true or false; `value` the single value of a scalar function; `none` undefined; `page` see `Page`.
 */
export type Result = 'rows' | 'row' | 'first' | 'count' | 'exists' | 'value' | 'none' | Page

/**
 * Keyset paging: the operation asks for `size + 1` rows; the compiler reads the ordering columns again behind the
 * outputs, `cursorColumns` in number (as many as `order` has), and they are cut off before the caller sees the row.
 */
export interface Page {
  readonly size: number
  readonly cursorColumns: number
}

export interface Select {
  readonly kind: 'select'
  readonly target: Relation
  readonly columns: Outputs
  readonly where?: Condition
  readonly order?: readonly Order[]
  readonly limit?: number
  readonly offset?: number
  readonly result: Result
}

export interface Count {
  readonly kind: 'count'
  readonly target: Relation
  readonly where?: Condition
  readonly result: 'count'
}

export interface Insert {
  readonly kind: 'insert'
  readonly target: Relation
  readonly rows: readonly Row[]
  /** Columns to write, when the rows do not say it themselves; a row without one of them writes its default. */
  readonly columns?: readonly string[]
  readonly returning?: Outputs
  readonly result: Result
}

export interface Upsert {
  readonly kind: 'upsert'
  readonly target: Relation
  readonly rows: readonly Row[]
  /** Columns of the unique constraint that decides what is the same row. */
  readonly conflict: readonly string[]
  /**
   * `update` overwrites the columns given in the row; `ignore` leaves the old row and does not return it;
   * `get` leaves the old row and returns it (one row only).
   */
  readonly action: 'update' | 'ignore' | 'get'
  /** Columns that `update` overwrites. Absent: all that are given, but those of `conflict`. */
  readonly overwrite?: readonly string[]
  readonly returning?: Outputs
  readonly result: Result
}

export interface Update {
  readonly kind: 'update'
  readonly target: Relation
  readonly set: Row
  /** `every row` must be said; an absent condition is not a condition. */
  readonly where: Condition | 'every row'
  readonly returning?: Outputs
  readonly result: Result
}

export interface Delete {
  readonly kind: 'delete'
  readonly target: Relation
  readonly where: Condition | 'every row'
  readonly returning?: Outputs
  readonly result: Result
}

export interface Call {
  readonly kind: 'call'
  readonly target: Relation
  /** Named arguments. */
  readonly args: Row
  readonly result: Result
}

declare const result: unique symbol

/** An operation that knows, for the type checker alone, what running it resolves to. */
export type Typed<R> = Operation & { readonly [result]?: R }
