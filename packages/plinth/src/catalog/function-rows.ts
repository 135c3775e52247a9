import type {
  CatalogFunction,
  ComputedColumn,
  FunctionArgument,
  MediaHandler,
  QualifiedName,
  ResultColumn,
} from './catalog.ts'

export interface FunctionRow {
  readonly schema: string
  readonly name: string
  readonly volatility: string
  readonly args: readonly FunctionArgument[] | null
  readonly returns: Omit<CatalogFunction['returns'], 'columns'>
  readonly result_columns: readonly ResultColumn[] | null
  readonly comment: string | null
  readonly settings: Readonly<Record<string, string>> | null
}

/** A type that is named like a media type says that its value is an answer in it. */
const isMediaType = (name: string): string => `(${name} ~ '^[A-Za-z0-9.-]+/[A-Za-z0-9.+-]+$' or ${name} = '*/*')`

/**
 * Every plain function of the schemas, the overload with the fewest arguments first. Procedures, aggregates and
 * triggers cannot be called with `select`. The types of arguments are without their modifier: `character` would cut a
 * value to one character where the function takes any number, `bpchar` does not.
 */
export const functionsText: string = `
select n.nspname as schema, p.proname as name, p.provolatile as volatility, arg.args, res.columns as result_columns,
  pg_catalog.obj_description(p.oid, 'pg_proc') as comment,
  (select json_object_agg(split_part(s, '=', 1), substr(s, strpos(s, '=') + 1)) from unnest(p.proconfig) s) as settings,
  json_strip_nulls(json_build_object(
    'type', pg_catalog.format_type(p.prorettype, null), 'oid', p.prorettype::int8, 'isSet', p.proretset,
    'kind', case when p.prorettype = 'void'::pg_catalog.regtype then 'void'
      when b.typtype = 'c' or p.proargmodes && '{t,b,o}'::"char"[] or p.prorettype = 'record'::pg_catalog.regtype
        then 'row' else 'scalar' end,
    'relation', case when c.relkind in ('r', 'v', 'm', 'f', 'p') then
      json_build_object('schema', cn.nspname, 'name', c.relname) end,
    'mediaType', case when t.typtype = 'd' and not p.proretset and ${isMediaType('t.typname')} then
      lower(t.typname) end,
    'isBytes', case when t.typtype = 'd' and b.oid = 'bytea'::pg_catalog.regtype then true end)) as returns
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type t on t.oid = p.prorettype
join pg_catalog.pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
left join pg_catalog.pg_class c on c.oid = b.typrelid
left join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace
cross join lateral (
  select json_agg(json_build_object(
    'name', coalesce(a.name, ''), 'type', pg_catalog.format_type(a.type, -1), 'oid', a.type::int8,
    'hasDefault', a.at > p.pronargs - p.pronargdefaults, 'isVariadic', a.mode = 'v') order by a.at) as args
  from (
    select name, type, coalesce(mode, 'i') as mode, row_number() over (order by place) as at
    from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames, p.proargmodes)
      with ordinality x(type, name, mode, place)
    where coalesce(mode, 'i') in ('i', 'b', 'v')) a) arg
cross join lateral (
  select json_agg(json_build_object(
    'name', r.name, 'type', pg_catalog.format_type(r.type, r.modifier), 'oid', r.type::int8) order by r.at) as columns
  from (
    select coalesce(nullif(x.name, ''), 'column' || x.at) as name, x.type, null::int4 as modifier, x.at from (
      select name, type, row_number() over (order by place) as at
      from unnest(p.proallargtypes, p.proargnames, p.proargmodes) with ordinality x(type, name, mode, place)
      where mode in ('t', 'b', 'o') and c.oid is null) x
    union all
    select a.attname, a.atttypid, a.atttypmod, a.attnum from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and (c.relkind = 'c' or cn.nspname <> all($1::text[]))
      and a.attnum > 0 and not a.attisdropped) r) res
where n.nspname = any($1::text[]) and p.prokind = 'f'
  and p.prorettype <> all('{trigger,event_trigger}'::pg_catalog.regtype[])
order by n.nspname collate "C", p.proname collate "C", p.pronargs,
  pg_catalog.pg_get_function_identity_arguments(p.oid) collate "C"`

const volatilities: ReadonlyMap<string, CatalogFunction['volatility']> = new Map([
  ['i', 'immutable'],
  ['s', 'stable'],
  ['v', 'volatile'],
])

export function readFunction(row: FunctionRow): CatalogFunction {
  const columns = row.result_columns && new Map(row.result_columns.map((column) => [column.name, column]))
  return {
    schema: row.schema,
    name: row.name,
    args: row.args ?? [],
    volatility: volatilities.get(row.volatility) ?? 'volatile',
    returns: { ...row.returns, ...(columns && { columns }) },
    ...(row.comment !== null && { comment: row.comment }),
    ...(row.settings && { settings: row.settings }),
  }
}

/** A function with one argument, which is a row of a relation. */
export interface RowFunctionRow {
  readonly of: number
  readonly schema: string
  readonly name: string
  readonly type: string
  readonly oid: number
  readonly rows: 'one' | 'many'
  /** The relation whose rows it yields. */
  readonly target: QualifiedName | null
}

/**
 * Functions of a row that stand beside its relation or in the extra search path: `row.name` finds no others. What was
 * declared with `rows 1` yields one.
 */
export const rowFunctionsText = `
select c.oid::int8::float8 as of, n.nspname as schema, p.proname as name,
  pg_catalog.format_type(p.prorettype, null) as type, p.prorettype::int8::float8 as oid,
  case when p.proretset and p.prorows <> 1 then 'many' else 'one' end as rows,
  case when r.oid is not null then json_build_object('schema', rn.nspname, 'name', r.relname) end as target
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_class c on c.reltype = p.proargtypes[0]
join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace
join pg_catalog.pg_type t on t.oid = p.prorettype
left join pg_catalog.pg_class r on r.oid = t.typrelid and r.relkind in ('r', 'v', 'm', 'f', 'p')
left join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
where p.pronargs = 1 and p.prokind = 'f' and cn.nspname = any($1::text[])
  and (p.pronamespace = c.relnamespace or n.nspname = any($2::text[]))
  and (r.oid is not null or not p.proretset) and p.prorettype <> 'void'::pg_catalog.regtype
order by p.pronamespace <> c.relnamespace, array_position($2::text[], n.nspname::text), p.proname collate "C"`

/** Of several of one name the first stands in front in the search path. */
export function readComputed(functions: readonly RowFunctionRow[]): ReadonlyMap<string, ComputedColumn> {
  const computed = new Map<string, ComputedColumn>()
  for (const { schema, name, type, oid, target } of functions)
    if (target === null && !computed.has(name)) computed.set(name, { schema, name, type, oid })
  return computed
}

export interface HandlerRow extends MediaHandler {
  /** Absent: rows of any kind. */
  readonly of: number | null
}

/** The same aggregate may stand in several schemas; the order of `schemas` decides. */
export const handlersText: string = `
select c.oid::int8::float8 as of, n.nspname as schema, p.proname as name, lower(t.typname) as "mediaType"
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type t on t.oid = p.prorettype
left join pg_catalog.pg_class c on c.reltype = p.proargtypes[0]
where p.prokind = 'a' and p.pronargs = 1 and n.nspname = any($1::text[])
  and t.typtype = 'd' and ${isMediaType('t.typname')}
  and (c.oid is not null or p.proargtypes[0] = 'anyelement'::pg_catalog.regtype)
order by array_position($1::text[], n.nspname::text), p.proname collate "C"`

export function readHandler({ schema, name, mediaType }: HandlerRow): MediaHandler {
  return { mediaType, schema, name }
}
