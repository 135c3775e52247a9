import type { CatalogColumn, CatalogRelation, ForeignKey, RelationKind } from './catalog.ts'

export interface RelationRow {
  readonly id: number
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly columns: readonly CatalogColumn[]
  readonly primary_key: readonly string[] | null
  readonly unique_keys: readonly (readonly string[])[] | null
  readonly foreign_keys: readonly ForeignKey[] | null
  readonly comment: string | null
  /** Bits of `pg_relation_is_updatable`. */
  readonly accepts: number
}

/**
 * Every relation of the schemas, read from the pg_catalog tables because information_schema hides what the reading role
 * may not use, and takes seconds at a thousand tables. Partitions are left out, as their parent answers for them, and
 * so are the copies of a foreign key that PostgreSQL keeps for each partition. `collate "C"` keeps the order the same on
 * every server. A domain counts as what it is made of, through domains of domains.
 */
export const relationsText = `
with recursive domains(oid, base, modifier, is_not_null) as (
  select oid, typbasetype, typtypmod, typnotnull from pg_catalog.pg_type where typtype = 'd'
  union all
  select d.oid, t.typbasetype, greatest(d.modifier, t.typtypmod), d.is_not_null or t.typnotnull
  from domains d join pg_catalog.pg_type t on t.oid = d.base where t.typtype = 'd'),
bases as (
  select d.* from domains d join pg_catalog.pg_type t on t.oid = d.base where t.typtype <> 'd')
select c.oid::int8::float8 as id, n.nspname as schema, c.relname as name, c.relkind as kind, col.columns,
  con.primary_key, uni.unique_keys, fk.foreign_keys, pg_catalog.obj_description(c.oid, 'pg_class') as comment,
  case c.relkind when 'r' then 28 when 'p' then 28 when 'm' then 0
    else pg_catalog.pg_relation_is_updatable(c.oid, true) end as accepts
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  select coalesce(json_agg(json_strip_nulls(json_build_object(
    'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod), 'oid', a.atttypid::int8,
    'isNullable', not (a.attnotnull or coalesce(b.is_not_null, false)),
    'hasDefault', a.atthasdef or a.attidentity <> '' or t.typdefault is not null,
    'isGenerated', a.attgenerated <> '' or a.attidentity = 'a',
    'default', case when a.attgenerated = '' then
      coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.pg_get_expr(t.typdefaultbin, 0)) end,
    'comment', pg_catalog.col_description(c.oid, a.attnum),
    'maxLength', case
      when coalesce(b.base, a.atttypid) in ('varchar'::pg_catalog.regtype, 'bpchar'::pg_catalog.regtype)
        then nullif(greatest(a.atttypmod, b.modifier), -1) - 4 end,
    'enumValues', case when t.typtype in ('e', 'd') then
      (select json_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum e
      where e.enumtypid = coalesce(b.base, a.atttypid)) end)) order by a.attnum), '[]') as columns
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_type t on t.oid = a.atttypid
  left join bases b on b.oid = a.atttypid
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) col
cross join lateral (
  select json_agg(a.attname order by k.at) as primary_key
  from pg_catalog.pg_index i, unnest(i.indkey::int2[]) with ordinality k(attnum, at)
  join pg_catalog.pg_attribute a on true
  where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid and a.attnum = k.attnum
    and k.at <= i.indnkeyatts) con
cross join lateral (
  select json_agg(u.columns order by u.name collate "C") as unique_keys from (
    select ic.relname as name, json_agg(a.attname order by k.at) as columns
    from pg_catalog.pg_index i
    join pg_catalog.pg_class ic on ic.oid = i.indexrelid, unnest(i.indkey::int2[]) with ordinality k(attnum, at)
    join pg_catalog.pg_attribute a on true
    where i.indrelid = c.oid and i.indisunique and not i.indisprimary and i.indisvalid
      and i.indpred is null and i.indexprs is null
      and a.attrelid = c.oid and a.attnum = k.attnum and k.at <= i.indnkeyatts
    group by ic.relname) u) uni
cross join lateral (
  select json_agg(json_build_object(
    'name', f.conname,
    'columns', (select json_agg(a.attname order by k.at) from unnest(f.conkey) with ordinality k(attnum, at)
      join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.attnum),
    'target', json_build_object('schema', tn.nspname, 'name', t.relname,
      'columns', (select json_agg(a.attname order by k.at) from unnest(f.confkey) with ordinality k(attnum, at)
        join pg_catalog.pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.attnum)))
    order by f.conname collate "C") as foreign_keys
  from pg_catalog.pg_constraint f
  join pg_catalog.pg_class t on t.oid = f.confrelid
  join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
  where f.conrelid = c.oid and f.contype = 'f' and f.conparentid = 0) fk
where n.nspname = any($1::text[]) and c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition
order by n.nspname collate "C", c.relname collate "C"`

const kinds: ReadonlyMap<string, RelationKind> = new Map([
  ['r', 'table'],
  ['v', 'view'],
  ['m', 'materialized view'],
  ['f', 'foreign table'],
  ['p', 'partitioned table'],
])

/** Without what only the other parts of the catalog know. */
export type PlainRelation = Omit<CatalogRelation, 'relationships' | 'computed' | 'handlers'>

export function readRelation(row: RelationRow): PlainRelation {
  return {
    schema: row.schema,
    name: row.name,
    kind: kinds.get(row.kind) ?? 'table',
    columns: new Map(row.columns.map((column) => [column.name, column])),
    primaryKey: row.primary_key ?? [],
    uniqueKeys: row.unique_keys ?? [],
    foreignKeys: row.foreign_keys ?? [],
    ...(row.comment !== null && { comment: row.comment }),
    accepts: readAccepts(row.accepts),
  }
}

/** `pg_relation_is_updatable` sets bit n for command n of PostgreSQL's own list: update 2, insert 3, delete 4. */
function readAccepts(bits: number): CatalogRelation['accepts'] {
  return { update: (bits & 4) !== 0, insert: (bits & 8) !== 0, delete: (bits & 16) !== 0 }
}
