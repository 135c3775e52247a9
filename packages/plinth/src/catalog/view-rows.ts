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
