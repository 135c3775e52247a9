import type { Join } from '../operation/operation.ts'

/**
 * What a database offers, as PostgreSQL's own catalog says: the place where a name from a request is looked up, so that
 * no identifier ever goes from a request into SQL. Plain data.
 */
export interface Catalog {
  /** Schemas that were read, in the order asked for. */
  readonly schemas: readonly string[]
  readonly relations: ReadonlyMap<string, ReadonlyMap<string, CatalogRelation>>
  /** Overloads of one name together. */
  readonly functions: ReadonlyMap<string, ReadonlyMap<string, readonly CatalogFunction[]>>
  /** By schema. */
  readonly comments: ReadonlyMap<string, string>
  /** Names that `set time zone` takes. */
  readonly timeZones: ReadonlySet<string>
  /** Aggregates that take rows of any kind. Those of one relation stand with it. */
  readonly handlers: readonly MediaHandler[]
}

/** Of a relation or function. */
export interface QualifiedName {
  readonly schema: string
  readonly name: string
}

/** An aggregate that makes a whole answer out of rows, in a media type the database defines. */
export interface MediaHandler {
  /** The name of the domain it yields, in lower case. One of two stars answers in whatever type was asked for. */
  readonly mediaType: string
  readonly schema: string
  readonly name: string
}

export type RelationKind = 'table' | 'view' | 'materialized view' | 'foreign table' | 'partitioned table'

export interface CatalogRelation {
  readonly schema: string
  readonly name: string
  readonly kind: RelationKind
  readonly columns: ReadonlyMap<string, CatalogColumn>
  /** A function makes the json of some column: PostgreSQL's `*` would bring the value as it is stored. */
  readonly isFormatted?: true
  /** Empty where there is none. Of a view: the keys of the tables it shows, those it shows whole. */
  readonly primaryKey: readonly string[]
  /** Unique constraints and plain unique indexes, the primary key not among them. */
  readonly uniqueKeys: readonly (readonly string[])[]
  readonly foreignKeys: readonly ForeignKey[]
  /** To every relation it can be joined with, views and functions of its row among them, in a fixed order. */
  readonly relationships: readonly Relationship[]
  /** Functions of a row of it that yield one value, by name: they can be read like columns. */
  readonly computed: ReadonlyMap<string, ComputedColumn>
  readonly handlers: readonly MediaHandler[]
  readonly comment?: string
  /** Rows may become others before they are stored: it has BEFORE or INSTEAD OF triggers of rows, or rules. */
  readonly rewritesRows?: true
  /** What PostgreSQL lets anybody do who has the right to: a view with a join can do less than a table. */
  readonly accepts: { readonly insert: boolean; readonly update: boolean; readonly delete: boolean }
}

export interface ComputedColumn {
  readonly schema: string
  readonly name: string
  readonly type: string
  readonly oid: number
}

/** How rows of one relation belong to rows of another; the other has its opposite. */
export interface Relationship {
  /** Of the constraint; for many to many of both, the one to ours first; of the function. */
  readonly names: readonly string[]
  readonly to: QualifiedName
  /** `to one` of ours to theirs means at most one of theirs for each of ours. */
  readonly cardinality: 'many to one' | 'one to one' | 'one to many' | 'many to many' | 'computed'
  /** A computed one yields many or one. */
  readonly rows: 'one' | 'many'
  readonly join: Join<QualifiedName>
}

export interface CatalogColumn {
  readonly name: string
  /** As `format_type` writes it: `character varying(20)`, `integer[]`. */
  readonly type: string
  readonly oid: number
  /** Of a domain: the type it is made of. */
  readonly baseType?: string
  readonly isNullable: boolean
  readonly hasDefault: boolean
  /** Generated or `generated always as identity`: an insert that names it fails. */
  readonly isGenerated: boolean
  /** The default as PostgreSQL writes it. */
  readonly default?: string
  readonly comment?: string
  /** Of a text with a limit, in characters. */
  readonly maxLength?: number
  /** Of an enum, in its order. */
  readonly enumValues?: readonly string[]
  /** Check constraints of this column alone, by name. */
  readonly checks?: readonly CheckConstraint[]
  readonly representation?: Representation
}

/**
 * What stands between a domain and whoever reads and writes it over HTTP: functions of implicit casts, which PostgreSQL
 * itself does not follow where a domain is concerned. Each has one argument.
 */
export interface Representation {
  /** Makes the json that is shown. */
  readonly format?: QualifiedName
  /** Makes the value out of json, in a row to write. */
  readonly parseJson?: QualifiedName
  /** Makes the value out of text, in a filter. */
  readonly parseText?: QualifiedName
}

export interface CheckConstraint {
  readonly name: string
  /** As `pg_get_constraintdef` writes it. */
  readonly definition: string
}

export interface ForeignKey {
  readonly name: string
  readonly columns: readonly string[]
  readonly target: QualifiedName & { readonly columns: readonly string[] }
}

export interface CatalogFunction {
  readonly schema: string
  readonly name: string
  /** Input arguments in order. */
  readonly args: readonly FunctionArgument[]
  readonly volatility: 'immutable' | 'stable' | 'volatile'
  readonly returns: FunctionReturn
  readonly comment?: string
  /** What `create function … set` says, such as default_transaction_isolation: by name. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface FunctionArgument {
  /** Empty for an argument without a name; such a function cannot be called by names. */
  readonly name: string
  readonly type: string
  readonly oid: number
  readonly hasDefault: boolean
  readonly isVariadic: boolean
}

export interface FunctionReturn {
  readonly type: string
  readonly oid: number
  readonly isSet: boolean
  /** `row`: a composite type, a table or several out arguments. */
  readonly kind: 'void' | 'scalar' | 'row'
  /** The relation whose row type it is, in one of the schemas or elsewhere. */
  readonly relation?: QualifiedName
  /** Of a row of no relation that is served: out arguments, `returns table`, a composite type, a table elsewhere. */
  readonly columns?: ReadonlyMap<string, ResultColumn>
  /** In lower case. The function yields a whole answer in it: its type is a domain of that name. */
  readonly mediaType?: string
  /** That answer is bytea. */
  readonly isBytes?: true
}

export interface ResultColumn {
  readonly name: string
  readonly type: string
  readonly oid: number
}

/** The first relation of that name in the schemas that were read, or in the one named. */
export function findRelation(catalog: Catalog, name: string, schema?: string): CatalogRelation | undefined {
  return firstIn(catalog.relations, searched(catalog, schema), name)
}

/** The overloads of a function in the first schema that has one. */
export function findFunctions(catalog: Catalog, name: string, schema?: string): readonly CatalogFunction[] {
  return firstIn(catalog.functions, searched(catalog, schema), name) ?? []
}

function searched(catalog: Catalog, schema: string | undefined): readonly string[] {
  return schema === undefined ? catalog.schemas : [schema]
}

function firstIn<T>(
  all: ReadonlyMap<string, ReadonlyMap<string, T>>,
  schemas: readonly string[],
  name: string,
): T | undefined {
  for (const schema of schemas) {
    const found = all.get(schema)?.get(name)
    if (found !== undefined) return found
  }
  return undefined
}
