/** Columns of one relation that make up a key, by name and by the number PostgreSQL gives each in its relation. */
export interface KeyColumns {
  /** Of the relation in pg_class. */
  readonly id: number
  readonly columns: readonly string[]
  readonly numbers: readonly number[]
}

/** A foreign key; without a target a primary key. */
export interface KeyRow {
  readonly name: string
  readonly of: KeyColumns
  readonly target: KeyColumns | null
  /** At most one row refers to each. */
  readonly is_unique: boolean
}

/**
 * The primary and foreign keys of every schema, as a view in a schema that is read may be made of tables in others. A
 * foreign key is unique when a constraint says so, not an index alone: PostgREST's clients get an object or a list by
 * it. Keys of partitions are copies of their parent's.
 */
export const keysText = `
select k.conname as name, k.contype = 'f' and exists (
    select from pg_catalog.pg_constraint u where u.conrelid = k.conrelid and u.contype in ('p', 'u')
      and u.conkey <@ k.conkey and k.conkey <@ u.conkey) as is_unique,
  json_build_object('id', k.conrelid::int8, 'numbers', k.conkey, 'columns', (
    select json_agg(a.attname order by x.at) from unnest(k.conkey) with ordinality x(number, at)
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.number)) as of,
  case when k.contype = 'f' then
    json_build_object('id', k.confrelid::int8, 'numbers', k.confkey, 'columns', (
      select json_agg(a.attname order by x.at) from unnest(k.confkey) with ordinality x(number, at)
      join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = x.number)) end as target
from pg_catalog.pg_constraint k
join pg_catalog.pg_namespace n on n.oid = k.connamespace
where k.contype in ('p', 'f') and k.conparentid = 0 and n.nspname <> all('{pg_catalog,information_schema}'::name[])
order by k.conname collate "C", k.oid`

export interface ViewRow {
  readonly id: number
  /** By their number, which begins at one. */
  readonly columns: readonly string[]
  /** The view's rule as a node tree. */
  readonly definition: string
}

/** Views of the schemas and of the extra search path: those of other schemas are not looked through. */
export const viewsText = `
select c.oid::int8::float8 as id, r.ev_action::text as definition,
  (select json_agg(a.attname order by a.attnum) from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0) as columns
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_rewrite r on r.ev_class = c.oid and r.ev_type = '1'
where c.relkind in ('v', 'm') and n.nspname = any($1::text[])`
