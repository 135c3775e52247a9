import type { Queryable } from '../database/queryable.ts'
import type {
  Catalog,
  CatalogColumn,
  CatalogFunction,
  CatalogRelation,
  ForeignKey,
  FunctionArgument,
  FunctionReturn,
  RelationKind,
} from './catalog.ts'

interface RelationRow {
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly columns: readonly CatalogColumn[]
  readonly primary_key: readonly string[] | null
  readonly unique_keys: readonly (readonly string[])[] | null
  readonly foreign_keys: readonly ForeignKey[] | null
}

interface FunctionRow {
  readonly schema: string
  readonly name: string
  readonly volatility: string
  readonly args: readonly FunctionArgument[] | null
  readonly returns: FunctionReturn
}

/**
 * Every relation of the schemas in one statement, read from the pg_catalog tables because information_schema hides what
 * the reading role may not use, and takes seconds at a thousand tables. Partitions are left out, as their parent
 * answers for them. `collate "C"` keeps the order the same on every server.
 */
const relationsText = `
select n.nspname as schema, c.relname as name, c.relkind as kind, col.columns,
  con.primary_key, uni.unique_keys, fk.foreign_keys
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  select coalesce(json_agg(json_build_object(
    'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod), 'oid', a.atttypid::int8,
    'isNullable', not a.attnotnull,
    'hasDefault', a.atthasdef or a.attidentity <> '',
    'isGenerated', a.attgenerated <> '' or a.attidentity = 'a') order by a.attnum), '[]') as columns
  from pg_catalog.pg_attribute a
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
  where f.conrelid = c.oid and f.contype = 'f') fk
where n.nspname = any($1::text[]) and c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition`

/** Every plain function of the schemas. Procedures, aggregates and triggers cannot be called with `select`. */
const functionsText = `
select n.nspname as schema, p.proname as name, p.provolatile as volatility, arg.args,
  json_build_object('type', pg_catalog.format_type(p.prorettype, null), 'oid', p.prorettype::int8, 'isSet', p.proretset,
    'kind', case when p.prorettype = 'void'::pg_catalog.regtype then 'void'
      when t.typtype = 'c' or 't' = any(p.proargmodes)
        or (select count(*) from unnest(p.proargmodes) m where m in ('o', 'b')) > 1
        or (p.prorettype = 'record'::pg_catalog.regtype) then 'row'
      else 'scalar' end) as returns
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type t on t.oid = p.prorettype
cross join lateral (
  select json_agg(json_build_object(
    'name', coalesce(a.name, ''), 'type', pg_catalog.format_type(a.type, null), 'oid', a.type::int8,
    'hasDefault', a.at > p.pronargs - p.pronargdefaults, 'isVariadic', a.mode = 'v') order by a.at) as args
  from (
    select name, type, coalesce(mode, 'i') as mode, row_number() over (order by place) as at
    from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames, p.proargmodes)
      with ordinality x(type, name, mode, place)
    where coalesce(mode, 'i') in ('i', 'b', 'v')) a) arg
where n.nspname = any($1::text[]) and p.prokind = 'f'
  and p.prorettype <> all('{trigger,event_trigger}'::pg_catalog.regtype[])
order by n.nspname, p.proname, p.oid`

const kinds: ReadonlyMap<string, RelationKind> = new Map([
  ['r', 'table'],
  ['v', 'view'],
  ['m', 'materialized view'],
  ['f', 'foreign table'],
  ['p', 'partitioned table'],
])

const volatilities: ReadonlyMap<string, CatalogFunction['volatility']> = new Map([
  ['i', 'immutable'],
  ['s', 'stable'],
  ['v', 'volatile'],
])

/** Reads what the schemas hold: two statements, about 20 ms for a hundred tables. */
export async function loadCatalog(from: Queryable, schemas: readonly string[]): Promise<Catalog> {
  const [relationRows, functionRows] = await Promise.all([
    from.query<RelationRow>(relationsText, [schemas]),
    from.query<FunctionRow>(functionsText, [schemas]),
  ])
  const relations = new Map<string, Map<string, CatalogRelation>>(schemas.map((schema) => [schema, new Map()]))
  for (const row of relationRows.rows) relations.get(row.schema)?.set(row.name, readRelation(row))
  const functions = new Map<string, Map<string, CatalogFunction[]>>(schemas.map((schema) => [schema, new Map()]))
  for (const row of functionRows.rows) {
    const named = functions.get(row.schema)
    named?.set(row.name, [...(named.get(row.name) ?? []), readFunction(row)])
  }
  return { schemas, relations, functions, timeZones: new Set() }
}

function readRelation(row: RelationRow): CatalogRelation {
  return {
    schema: row.schema,
    name: row.name,
    kind: kinds.get(row.kind) ?? 'table',
    columns: new Map(row.columns.map((column) => [column.name, column])),
    primaryKey: row.primary_key ?? [],
    uniqueKeys: row.unique_keys ?? [],
    foreignKeys: row.foreign_keys ?? [],
    relationships: [],
    computed: new Map(),
    accepts: { insert: true, update: true, delete: true },
  }
}

function readFunction(row: FunctionRow): CatalogFunction {
  return {
    schema: row.schema,
    name: row.name,
    args: row.args ?? [],
    volatility: volatilities.get(row.volatility) ?? 'volatile',
    returns: row.returns,
  }
}
