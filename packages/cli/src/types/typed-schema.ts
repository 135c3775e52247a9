import type { Database } from 'plinth'
import { type Catalog, type CatalogColumn, type CatalogRelation, loadCatalog } from 'plinth/operation'

/** A column's type, seen through domains: `name` is PostgreSQL's own, such as int4. */
export type ColumnType =
  | { readonly kind: 'plain'; readonly name: string }
  | { readonly kind: 'enum'; readonly labels: readonly string[] }
  | { readonly kind: 'array'; readonly of: ColumnType }

export interface TypedSchema {
  readonly catalog: Catalog
  /** By schema in the order asked for, then by name. */
  readonly relations: readonly CatalogRelation[]
  readonly typeOf: (column: { readonly oid: number }) => ColumnType
}

interface TypeRow {
  readonly oid: number
  readonly name: string
  readonly base: number
  readonly element: number
  readonly labels: readonly string[]
}

const typesText = `select oid::int8::float8 as oid, typname::text as name, typbasetype::int8::float8 as base,
    case when typcategory = 'A' then typelem else 0 end::int8::float8 as element,
    array(select enumlabel::text from pg_enum where enumtypid = t.oid order by enumsortorder) as labels
  from pg_type as t where typtype in ('b', 'e', 'd', 'c', 'r', 'm', 'p')`

export async function readTypedSchema(database: Database, schemas: readonly string[]): Promise<TypedSchema> {
  const catalog = await loadCatalog(database, schemas)
  const { rows } = await database.query<TypeRow>(typesText)
  const types = new Map(rows.map((row) => [row.oid, row]))
  const relations = schemas.flatMap((schema) =>
    [...(catalog.relations.get(schema)?.values() ?? [])].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  )
  return { catalog, relations, typeOf: ({ oid }) => resolve(types, oid) }
}

function resolve(types: ReadonlyMap<number, TypeRow>, oid: number): ColumnType {
  const type = types.get(oid)
  if (type === undefined) return { kind: 'plain', name: 'unknown' }
  if (type.base !== 0) return resolve(types, type.base)
  if (type.element !== 0) return { kind: 'array', of: resolve(types, type.element) }
  return type.labels.length > 0 ? { kind: 'enum', labels: type.labels } : { kind: 'plain', name: type.name }
}

/** Whether an insert may leave it out: PostgreSQL has a value for it. */
export function isOptional({ isNullable, hasDefault }: CatalogColumn): boolean {
  return isNullable || hasDefault
}
