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
}

export type RelationKind = 'table' | 'view' | 'materialized view' | 'foreign table' | 'partitioned table'

export interface CatalogRelation {
  readonly schema: string
  readonly name: string
  readonly kind: RelationKind
  readonly columns: ReadonlyMap<string, CatalogColumn>
  /** Empty for a view or a table without one. */
  readonly primaryKey: readonly string[]
  /** Unique constraints and plain unique indexes, the primary key not among them. */
  readonly uniqueKeys: readonly (readonly string[])[]
  readonly foreignKeys: readonly ForeignKey[]
}

export interface CatalogColumn {
  readonly name: string
  /** As `format_type` writes it: `character varying(20)`, `integer[]`. */
  readonly type: string
  readonly oid: number
  readonly isNullable: boolean
  readonly hasDefault: boolean
  /** Generated or `generated always as identity`: an insert that names it fails. */
  readonly isGenerated: boolean
}

export interface ForeignKey {
  readonly name: string
  readonly columns: readonly string[]
  readonly target: { readonly schema: string; readonly name: string; readonly columns: readonly string[] }
}

export interface CatalogFunction {
  readonly schema: string
  readonly name: string
  /** Input arguments in order. */
  readonly args: readonly FunctionArgument[]
  readonly volatility: 'immutable' | 'stable' | 'volatile'
  readonly returns: FunctionReturn
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
