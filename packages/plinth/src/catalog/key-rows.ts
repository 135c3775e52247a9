import type { ForeignKey, QualifiedName } from './catalog.ts'

/** Columns of one relation that make up a key, by name and by the number PostgreSQL gives each in its relation. */
export interface KeyColumns {
  /** Of the relation in pg_class. */
  readonly id: number
  readonly columns: readonly string[]
  readonly numbers: readonly number[]
}

/** A foreign key; without a target a primary key. */
export interface Key {
  readonly name: string
  readonly of: KeyColumns
  readonly target?: KeyColumns & QualifiedName
  /** At most one row refers to each. */
  readonly isUnique: boolean
}

export interface KeyRow {
  readonly name: string
  readonly of: number
  readonly columns: readonly string[]
  readonly numbers: readonly number[]
  readonly is_unique: boolean
  /** Null for a primary key, as the others of the target. */
  readonly target: number | null
  readonly target_schema: string
  readonly target_name: string
  readonly target_columns: readonly string[]
  readonly target_numbers: readonly number[]
}

/**
 * The primary and foreign keys of every schema, as a view in a schema that is read may be made of tables in others. A
 * foreign key is unique when a constraint says so, not an index alone: PostgREST's clients get an object or a list by
 * it. Left out are the copies that PostgreSQL keeps for each partition.
 */
export const keysText = `
with keys as (
  select k.* from pg_catalog.pg_constraint k
  join pg_catalog.pg_namespace n on n.oid = k.connamespace
  where k.contype in ('p', 'f') and k.conparentid = 0 and n.nspname <> all('{pg_catalog,information_schema}'::name[])),
names as (
  select k.oid, json_agg(a.attname order by x.at) as columns, json_agg(t.attname order by x.at) as target_columns
  from keys k
  cross join unnest(k.conkey, k.confkey) with ordinality x(number, target, at)
  left join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.number
  left join pg_catalog.pg_attribute t on t.attrelid = k.confrelid and t.attnum = x.target
  group by k.oid)
select k.conname as name, k.conrelid::int8::float8 as of, names.columns, to_json(k.conkey) as numbers,
  exists (select from pg_catalog.pg_constraint u where u.conrelid = k.conrelid and u.contype in ('p', 'u')
    and u.conkey <@ k.conkey and k.conkey <@ u.conkey) as is_unique,
  nullif(k.confrelid, 0)::int8::float8 as target, tn.nspname as target_schema, t.relname as target_name,
  names.target_columns, to_json(k.confkey) as target_numbers
from keys k
join names on names.oid = k.oid
left join pg_catalog.pg_class t on t.oid = k.confrelid
left join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
order by k.conname collate "C", k.oid`

export function readKey(row: KeyRow): Key {
  const { name, is_unique: isUnique, columns, numbers } = row
  const key = { name, isUnique, of: { id: row.of, columns, numbers } }
  if (row.target === null) return key
  const target = {
    id: row.target,
    schema: row.target_schema,
    name: row.target_name,
    columns: row.target_columns,
    numbers: row.target_numbers,
  }
  return { ...key, target }
}

export function foreignKeyOf({ name, of, target }: Key): ForeignKey[] {
  if (target === undefined) return []
  const { schema, name: relation, columns } = target
  return [{ name, columns: of.columns, target: { schema, name: relation, columns } }]
}

export function primaryKeysOf(keys: readonly Key[]): ReadonlyMap<number, readonly string[]> {
  return new Map(keys.filter(({ target }) => target === undefined).map(({ of }) => [of.id, of.columns]))
}
