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

/** A place inside a json value: keys and list positions, as `#>` takes them, and what it is read as. */
export interface JsonPath {
  readonly steps: readonly string[]
  readonly as: 'json' | 'text'
  /** The column is of another type and becomes json first: a row, an array. */
  readonly of?: 'row'
}

/** A column, or a place in its json. */
export interface Field {
  readonly column: string
  readonly path?: JsonPath
}

export interface Output extends Field {
  /** Name in the result; absent: the column's own, or the aggregate's. */
  readonly as?: string
  /**
   * Function that makes the value that is shown, before a cast. From a catalog and never from a request, as `parse`
   * is.
   */
  readonly format?: Relation
  /** Type name from the closed list in sql/casts.ts. */
  readonly cast?: string
  /** Read over all rows that are alike in the outputs without one. */
  readonly aggregate?: Aggregate
  readonly read?: Reading
  /** An array whose type is not built in, as an enum's: its oid alone does not tell. */
  readonly array?: true
}

export interface Aggregate {
  readonly name: 'avg' | 'count' | 'max' | 'min' | 'sum'
  /** Of its result. */
  readonly cast?: string
}

/** The number of rows that are alike in the outputs without an aggregate. */
export interface CountOutput {
  readonly count: 'rows'
  readonly as?: string
  readonly cast?: string
}

/** Rows of another table that belong to a row: under a name of their own, or spread among its columns. */
export interface Embed {
  readonly embed: Relation
  /** Its name: in the result, and for conditions and orders on it. Unlike the others of its row. */
  readonly as: string
  readonly join: Join
  /** `one`: an object, or null. `many`: a list, maybe empty; spread, a list for each of its columns. */
  readonly rows: 'one' | 'many'
  /** Rows without such a row are left out. */
  readonly isInner?: true
  readonly isSpread?: true
  /** Empty: the embed only decides which rows there are, and adds nothing to them. */
  readonly columns: Outputs
  readonly where?: Condition
  readonly order?: readonly Order[]
  readonly limit?: number
  readonly offset?: number
}

/** How the rows of an embed belong to ours. Pairs are [column of ours, column of theirs]. */
export type Join<Name extends Relation = Relation> =
  | { readonly kind: 'columns'; readonly on: readonly ColumnPair[] }
  | {
      readonly kind: 'through'
      readonly relation: Name
      /** [column of ours, column of the relation between]. */
      readonly on: readonly ColumnPair[]
      /** [column of the relation between, column of theirs]. */
      readonly to: readonly ColumnPair[]
    }
  /** A function of our row that yields theirs. */
  | { readonly kind: 'function'; readonly function: Name }

export type ColumnPair = readonly [ours: string, theirs: string]

export type Outputs = readonly (Output | CountOutput | Embed)[] | 'all'

export type CompareOperator =
  | 'eq'
  | 'neq'
  | 'gt'
  | 'gte'
  | 'lt'
  | 'lte'
  | 'like'
  | 'ilike'
  /** POSIX regular expressions, `~` and `~*`. */
  | 'match'
  | 'imatch'
  /** `is distinct from`. */
  | 'isdistinct'
  /** Of arrays, ranges and jsonb: contains, contained in, overlap. */
  | 'cs'
  | 'cd'
  | 'ov'
  /** Of ranges: left of, right of, does not extend to the right, to the left, adjacent. */
  | 'sl'
  | 'sr'
  | 'nxr'
  | 'nxl'
  | 'adj'

/** What makes a tsquery of the text: `to_`, `plainto_`, `phraseto_` and `websearch_to_tsquery`. */
export type TextQuery = 'fts' | 'plfts' | 'phfts' | 'wfts'

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | (Field & {
      readonly kind: 'compare'
      readonly operator: CompareOperator
      readonly value: string
      /** Function that makes a value of the column out of the text. */
      readonly parse?: Relation
    })
  /** Against each of several values: with any of them, or with all. */
  | (Field & {
      readonly kind: 'compare each'
      readonly operator: CompareOperator
      readonly quantifier: 'any' | 'all'
      readonly values: readonly string[]
      readonly parse?: Relation
    })
  | (Field & { readonly kind: 'in'; readonly values: readonly string[]; readonly parse?: Relation })
  | (Field & { readonly kind: 'is'; readonly value: 'null' | 'not_null' | 'true' | 'false' | 'unknown' })
  | (Field & {
      readonly kind: 'search'
      readonly query: TextQuery
      /** Text search configuration, such as `english`. Absent: the database's own. */
      readonly language?: string
      readonly value: string
      /** The column is no tsvector and becomes one first. */
      readonly of?: 'text'
    })
  /** Whether the row has rows in the embed of that name. */
  | { readonly kind: 'embedded'; readonly embed: string; readonly value: 'null' | 'not_null' }

export interface Order extends Field {
  /** The column is of the embed of this name, which has one row. */
  readonly embed?: string
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
  /** Embeds that conditions ask about; nothing is read. */
  readonly columns?: Outputs
  readonly where?: Condition
  readonly result: 'count'
}

/** By the column whose value they make out of json. */
export type Parsers = { readonly [column: string]: Relation }

export interface Insert {
  readonly kind: 'insert'
  readonly target: Relation
  readonly rows: readonly Row[]
  /** Of the rows given, as in the other writes. */
  readonly parse?: Parsers
  /** Columns to write, when the rows do not say it themselves; a row without one of them writes its default. */
  readonly columns?: readonly string[]
  readonly returning?: Outputs
  /** Of the rows given back, as in the other writes. */
  readonly order?: readonly Order[]
  readonly result: Result
}

export interface Upsert {
  readonly kind: 'upsert'
  readonly target: Relation
  readonly rows: readonly Row[]
  readonly parse?: Parsers
  /** As of an insert. Absent: all rows have the same. */
  readonly columns?: readonly string[]
  /** Only rows it holds for are written: it is about the row given, not about the old one. */
  readonly where?: Condition
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
  readonly order?: readonly Order[]
  readonly result: Result
}

export interface Update {
  readonly kind: 'update'
  readonly target: Relation
  readonly set: Row
  readonly parse?: Parsers
  /** Columns that get their default, none of `set` among them. */
  readonly defaults?: readonly string[]
  /** `every row` must be said; an absent condition is not a condition. */
  readonly where: Condition | 'every row'
  readonly returning?: Outputs
  readonly order?: readonly Order[]
  readonly result: Result
}

export interface Delete {
  readonly kind: 'delete'
  readonly target: Relation
  readonly where: Condition | 'every row'
  readonly returning?: Outputs
  readonly order?: readonly Order[]
  readonly result: Result
}

export interface Call {
  readonly kind: 'call'
  readonly target: Relation
  /** Named arguments; a function with one argument without a name gets it under the empty one. */
  readonly args: Row
  /** Name of the argument that takes any number of values; its value is their list. */
  readonly variadic?: string
  /** PostgreSQL's name of each argument's type, from a catalog and never from a request. Absent: it finds out. */
  readonly types?: Readonly<Record<string, string>>
  /** Of the rows it yields. Absent: all as they are. */
  readonly columns?: Outputs
  readonly where?: Condition
  readonly order?: readonly Order[]
  readonly limit?: number
  readonly offset?: number
  readonly result: Result
}

declare const result: unique symbol

/** An operation that knows, for the type checker alone, what running it resolves to. */
export type Typed<R> = Operation & { readonly [result]?: R }
