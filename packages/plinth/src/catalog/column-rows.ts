import type { CatalogColumn, CheckConstraint, Representation } from './catalog.ts'

/** The columns of one relation. */
export interface ColumnsRow {
  /** In pg_class. */
  readonly of: number
  readonly columns: readonly ColumnRow[]
}

/** A list, not an object: with tens of thousands of columns that is half the work, on both sides. */
export type ColumnRow = readonly [
  /** In its relation; dropped columns leave gaps. */
  number: number,
  name: string,
  type: string,
  oid: number,
  baseType: string | null,
  isNullable: boolean,
  hasDefault: boolean,
  isGenerated: boolean,
  defaultText: string | null,
  comment: string | null,
  maxLength: number | null,
  enumValues: readonly string[] | null,
  checks: readonly CheckConstraint[] | null,
  representation: Representation | null,
]

/**
 * A domain counts as what it is made of, through domains of domains; its representation is its own alone. A cast counts
 * as in PostgREST: implicit, by a function that the login may run.
 */
export const columnsText = `
with recursive domains(oid, base, modifier, is_not_null) as (
  select oid, typbasetype, typtypmod, typnotnull from pg_catalog.pg_type where typtype = 'd'
  union all
  select d.oid, t.typbasetype, greatest(d.modifier, t.typtypmod), d.is_not_null or t.typnotnull
  from domains d join pg_catalog.pg_type t on t.oid = d.base where t.typtype = 'd'),
bases as (
  select d.* from domains d join pg_catalog.pg_type t on t.oid = d.base where t.typtype <> 'd'),
enums as (
  select enumtypid as oid, json_agg(enumlabel order by enumsortorder) as labels from pg_catalog.pg_enum group by 1),
checks as (
  select conrelid, conkey[1] as number,
    json_agg(json_build_object('name', conname, 'definition', pg_catalog.pg_get_constraintdef(oid))
      order by conname) as list
  from pg_catalog.pg_constraint where contype = 'c' and cardinality(conkey) = 1 group by 1, 2),
representations as (
  select d.oid, json_object_agg(
    case c.castsource when d.oid then 'format' when 'json'::pg_catalog.regtype then 'parseJson' else 'parseText' end,
    json_build_object('schema', n.nspname, 'name', p.proname)) as functions
  from pg_catalog.pg_cast c
  join pg_catalog.pg_type d on d.typtype = 'd' and (
    d.oid = c.castsource and c.casttarget = 'json'::pg_catalog.regtype
    or d.oid = c.casttarget and c.castsource = any('{json,text}'::pg_catalog.regtype[]))
  join pg_catalog.pg_proc p on p.oid = c.castfunc and p.pronargs = 1
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where c.castcontext = 'i' and pg_catalog.has_function_privilege(p.oid, 'execute')
  group by d.oid)
select a.attrelid::int8::float8 as of, json_agg(json_build_array(
    a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid::int8,
    pg_catalog.format_type(b.base, b.modifier),
    not (a.attnotnull or coalesce(b.is_not_null, false)),
    a.atthasdef or a.attidentity <> '' or t.typdefault is not null,
    a.attgenerated <> '' or a.attidentity = 'a',
    case when a.attgenerated = '' then
      coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.pg_get_expr(t.typdefaultbin, 0)) end,
    s.description,
    case when coalesce(b.base, a.atttypid) in ('varchar'::pg_catalog.regtype, 'bpchar'::pg_catalog.regtype)
      then nullif(greatest(a.atttypmod, b.modifier), -1) - 4 end,
    e.labels,
    case when l.collisdeterministic is not false then k.list end,
    r.functions) order by a.attnum) as columns
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
left join bases b on b.oid = a.atttypid
left join checks k on k.conrelid = a.attrelid and k.number = a.attnum
left join pg_catalog.pg_collation l on l.oid = a.attcollation
left join enums e on e.oid = coalesce(b.base, a.atttypid)
left join representations r on r.oid = a.atttypid
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
left join pg_catalog.pg_description s
  on s.objoid = a.attrelid and s.objsubid = a.attnum and s.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
where n.nspname = any($1::text[]) and c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition
group by a.attrelid`

export function readColumn(row: ColumnRow): CatalogColumn {
  const [, name, type, oid, baseType, isNullable, hasDefault, isGenerated, ...others] = row
  const [defaultText, comment, maxLength, enumValues, checks, representation] = others
  return {
    name,
    type,
    oid,
    ...(baseType !== null && { baseType }),
    isNullable,
    hasDefault,
    isGenerated,
    ...(defaultText !== null && { default: defaultText }),
    ...(comment !== null && { comment }),
    ...(maxLength !== null && { maxLength }),
    ...(enumValues && { enumValues }),
    ...(checks && { checks }),
    ...(representation && { representation }),
  }
}
