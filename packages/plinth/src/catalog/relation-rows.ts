import type { CatalogRelation, RelationKind } from './catalog.ts'
import { type ColumnRow, readColumn } from './column-rows.ts'

export interface RelationRow {
  readonly id: number
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly comment: string | null
  /** Bits of `pg_relation_is_updatable`. */
  readonly accepts: number
  readonly rewrites: boolean
  /** Numbers of the columns of each. */
  readonly unique_keys: readonly (readonly number[])[] | null
}

/**
 * Every relation of the schemas, read from the pg_catalog tables because information_schema hides what the reading role
 * may not use, and takes seconds at a thousand tables. Partitions are left out, as their parent answers for them.
 * `collate "C"` keeps the order the same on every server.
 */
export const relationsText = `
with uniques as (
  select i.indrelid as of,
    json_agg((i.indkey::int2[])[0 : i.indnkeyatts - 1] order by c.relname collate "C") as keys
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
  where i.indisunique and not i.indisprimary and i.indisvalid and i.indpred is null and i.indexprs is null
  group by 1)
select c.oid::int8::float8 as id, n.nspname as schema, c.relname as name, c.relkind as kind,
  s.description as comment, uniques.keys as unique_keys,
  case c.relkind when 'r' then 28 when 'p' then 28 when 'm' then 0
    else pg_catalog.pg_relation_is_updatable(c.oid, true) end as accepts,
  c.relhasrules and c.relkind in ('r', 'p') or c.relhastriggers and exists (select from pg_catalog.pg_trigger g
    where g.tgrelid = c.oid and not g.tgisinternal and g.tgtype & 1 = 1 and g.tgtype & 66 <> 0) as rewrites
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join uniques on uniques.of = c.oid
left join pg_catalog.pg_description s
  on s.objoid = c.oid and s.objsubid = 0 and s.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
where n.nspname = any($1::text[]) and c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition
order by n.nspname collate "C", c.relname collate "C"`

const kinds: ReadonlyMap<string, RelationKind> = new Map([
  ['r', 'table'],
  ['v', 'view'],
  ['m', 'materialized view'],
  ['f', 'foreign table'],
  ['p', 'partitioned table'],
])

/** What is known of a relation by itself. */
type PlainRelation = Omit<CatalogRelation, 'primaryKey' | 'foreignKeys' | 'relationships' | 'computed' | 'handlers'>

export function readRelation(row: RelationRow, columns: readonly ColumnRow[]): PlainRelation {
  const names = new Map(columns.map(([number, name]) => [number, name]))
  const read = columns.map(readColumn)
  return {
    schema: row.schema,
    name: row.name,
    kind: kinds.get(row.kind) ?? 'table',
    columns: new Map(read.map((column) => [column.name, column])),
    ...(read.some(({ representation }) => representation?.format) && { isFormatted: true }),
    uniqueKeys: (row.unique_keys ?? []).map((numbers) => numbers.flatMap((number) => names.get(number) ?? [])),
    ...(row.comment !== null && { comment: row.comment }),
    ...(row.rewrites && { rewritesRows: true }),
    accepts: readAccepts(row.accepts),
  }
}

/** `pg_relation_is_updatable` sets bit n for command n of PostgreSQL's own list: update 2, insert 3, delete 4. */
function readAccepts(bits: number): CatalogRelation['accepts'] {
  return { update: (bits & 4) !== 0, insert: (bits & 8) !== 0, delete: (bits & 16) !== 0 }
}
