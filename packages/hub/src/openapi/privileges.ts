import type { Database } from 'plinth'
import type { CatalogFunction } from 'plinth/operation'
import type { Caller } from '../identity/caller.ts'

/** What of one schema is shown: all of it, or what a role has a right to. */
export interface Shown {
  relation(name: string): ShownRelation | undefined
  function(overload: CatalogFunction): boolean
}

export interface ShownRelation {
  readonly select: ReadonlySet<string>
  readonly insert: ReadonlySet<string>
  readonly update: ReadonlySet<string>
  readonly delete: boolean
}

interface RelationRow {
  readonly name: string
  readonly select: readonly string[]
  readonly insert: readonly string[]
  readonly update: readonly string[]
  readonly delete: boolean
}

/** `$1` is the role, null for the role of the connection. Rights on a table count for each column of it. */
const relationsText = `
select c.relname as name, pg_catalog.has_table_privilege(r.role, c.oid, 'delete') as delete, p.*
from (select coalesce($1::name, current_user) as role) r, pg_catalog.pg_class c
cross join lateral (
  select
    coalesce(json_agg(a.attname) filter (where
      pg_catalog.has_column_privilege(r.role, c.oid, a.attnum, 'select')), '[]') as select,
    coalesce(json_agg(a.attname) filter (where
      pg_catalog.has_column_privilege(r.role, c.oid, a.attnum, 'insert')), '[]') as insert,
    coalesce(json_agg(a.attname) filter (where
      pg_catalog.has_column_privilege(r.role, c.oid, a.attnum, 'update')), '[]') as update
  from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) p
where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = $2)
  and c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition`

const functionsText = `
select p.proname as name, to_json(p.proargtypes::int8[]) as types
from (select coalesce($1::name, current_user) as role) r, pg_catalog.pg_proc p
where p.pronamespace = (select oid from pg_catalog.pg_namespace where nspname = $2) and p.prokind = 'f'
  and pg_catalog.has_function_privilege(r.role, p.oid, 'execute')`

/** What the caller's role may use. It may be another role than the hub's own: the rights of any can be asked for. */
export async function readPrivileges(database: Database, caller: Caller, schema: string): Promise<Shown> {
  const values = [caller.kind === 'owner' ? null : caller.role, schema]
  const [relations, functions] = await Promise.all([
    database.query<RelationRow>(relationsText, values),
    database.query<{ name: string; types: readonly number[] }>(functionsText, values),
  ])
  const byName = new Map(relations.rows.map((row) => [row.name, toShown(row)]))
  const callable = new Set(functions.rows.map(({ name, types }) => signature(name, types)))
  const types = ({ args }: CatalogFunction): readonly number[] => args.map(({ oid }) => oid)
  return {
    relation: (name) => byName.get(name),
    function: (overload) => callable.has(signature(overload.name, types(overload))),
  }
}

function toShown(row: RelationRow): ShownRelation {
  const [select, insert, update] = [new Set(row.select), new Set(row.insert), new Set(row.update)]
  return { select, insert, update, delete: row.delete }
}

function signature(name: string, types: readonly number[]): string {
  return `${name}(${types.join()})`
}
