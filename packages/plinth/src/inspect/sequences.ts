import type { Database, Queryable, Transaction } from '../database/queryable.ts'
import { sql } from '../sql/sql.ts'

/** A sequence that will next give a value which a column has already: the insert that gets it fails. */
export interface SequenceBehind {
  /** Schema and name, quoted where SQL wants it. */
  readonly sequence: string
  /** Columns it fills, as `public.artist.artist_id`. */
  readonly columns: readonly string[]
  /** What it gives next, in decimal. */
  readonly next: string
  /** The furthest value in its columns, in decimal; behind it the sequence goes on when it is set. */
  readonly furthest: string
  /**
   * Why fixSequences leaves it as it is. `range`: its type or bounds do not reach to `furthest`. `cycle`: it begins
   * again at its end, so that values behind the furthest are what it is to give.
   */
  readonly kept?: 'range' | 'cycle'
}

interface Found {
  readonly sequence: string
  readonly increment: string
  readonly minimum: string
  readonly maximum: string
  readonly cycles: boolean
  readonly columns: readonly { readonly schema: string; readonly table: string; readonly column: string }[]
}

/**
 * Sequences with the columns they fill: as their owner (serial, identity: deptype a and i) or by a default that draws
 * from them (pg_attrdef depends on the sequence). Columns of partitions are covered by the partitioned table.
 */
const foundText = `with filled as (
    select d.objid as seq, d.refobjid as rel, d.refobjsubid as attnum from pg_depend as d
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
        and d.deptype in ('a', 'i')
    union
    select d.refobjid, def.adrelid, def.adnum from pg_depend as d join pg_attrdef as def on def.oid = d.objid
      where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass)
  select format('%I.%I', sn.nspname, sc.relname) as sequence, s.seqincrement::text as increment,
    s.seqmin::text as minimum, s.seqmax::text as maximum, s.seqcycle as cycles,
    json_agg(json_build_object('schema', n.nspname, 'table', c.relname, 'column', a.attname) order by c.oid, a.attnum)
      as columns
  from filled join pg_sequence as s on s.seqrelid = filled.seq
    join pg_class as sc on sc.oid = s.seqrelid join pg_namespace as sn on sn.oid = sc.relnamespace
    join pg_class as c on c.oid = filled.rel join pg_namespace as n on n.oid = c.relnamespace
    join pg_attribute as a on a.attrelid = c.oid and a.attnum = filled.attnum
    join pg_type as t on t.oid = a.atttypid
  where c.relkind in ('r', 'p') and not c.relispartition
    and coalesce(nullif(t.typbasetype, 0), t.oid) in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
    and n.nspname not in ('pg_catalog', 'information_schema', 'plinth') and n.nspname !~ '^pg_temp'
  group by sn.nspname, sc.relname, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle
  order by 1`

/**
 * Sequences that are behind their columns, as they are after rows were loaded with their keys. Reads the highest value
 * of each column: quick with an index, which primary keys have. Throws PermissionDenied where it may not read a table.
 *
 *     for (const { sequence, next, furthest } of await sequencesBehind(db)) console.warn(sequence, next, furthest)
 */
export async function sequencesBehind(db: Queryable): Promise<readonly SequenceBehind[]> {
  return (await findBehind(db)).map(({ behind }) => behind)
}

interface FoundBehind {
  readonly found: Found
  readonly behind: SequenceBehind
}

async function findBehind(db: Queryable): Promise<readonly FoundBehind[]> {
  const { rows } = await db.query<Found>(foundText)
  const all: FoundBehind[] = []
  for (const found of rows) {
    const behind = await lookAt(db, found)
    if (behind !== undefined) all.push({ found, behind })
  }
  return all
}

/**
 * Sets each sequence that is behind its columns to their furthest value, and resolves with those that were behind: all
 * are set but those that say why they are `kept`. Tables of sequences that are set are locked against writes for that
 * moment, so that no insert slips in between; others are not touched.
 * Throws LockTimeout when a table stays locked for `lockTimeoutMs`, and PermissionDenied for a sequence of another
 * owner; sequences set before stay set.
 *
 *     const repaired = await fixSequences(db)
 */
export async function fixSequences(db: Database): Promise<readonly SequenceBehind[]> {
  const found: SequenceBehind[] = []
  for (const { found: one, behind } of await findBehind(db)) {
    const now =
      behind.kept === undefined ? await db.transaction((tx) => fixOne(tx, one), { name: 'fix sequence' }) : behind
    if (now !== undefined) found.push(now)
  }
  return found
}

async function fixOne(tx: Transaction, found: Found): Promise<SequenceBehind | undefined> {
  const tables = found.columns.map(({ schema, table }) => sql.name(schema, table))
  for (const table of tables) await tx.query(sql`lock table ${table} in share row exclusive mode`)
  // Changes nothing, and keeps away who draws from the sequence without an insert: setval must not take it back.
  await tx.query(`alter sequence ${found.sequence} increment by ${found.increment}`)
  const behind = await lookAt(tx, found)
  if (behind !== undefined && behind.kept === undefined)
    await tx.query('select setval($1::text::regclass, $2::text::bigint)', [behind.sequence, behind.furthest])
  return behind
}

interface Looked {
  readonly next: string
  readonly furthest: string | null
  readonly is_behind: boolean
}

async function lookAt(on: Queryable, found: Found): Promise<SequenceBehind | undefined> {
  const { next, furthest, is_behind } = await on.one<Looked>(lookText(found))
  if (!is_behind || furthest === null) return undefined
  const columns = found.columns.map(({ schema, table, column }) => `${schema}.${table}.${column}`)
  const kept = keptBecause(found, BigInt(furthest))
  return { sequence: found.sequence, columns, next, furthest, ...(kept === undefined ? {} : { kept }) }
}

function keptBecause({ minimum, maximum, cycles }: Found, furthest: bigint): SequenceBehind['kept'] {
  if (cycles) return 'cycle'
  return furthest < BigInt(minimum) || furthest > BigInt(maximum) ? 'range' : undefined
}

/** The names are the server's own: regclass text, and columns that sql.name quotes. */
function lookText({ sequence, increment, columns }: Found): string {
  const [best, reached] = increment.startsWith('-') ? ['min', '>='] : ['max', '<=']
  const values = columns.map(
    ({ schema, table, column }) =>
      `(select ${best}(${sql.name(column).text})::bigint from ${sql.name(schema, table).text})`,
  )
  return `select next::text, furthest::text, coalesce(next ${reached} furthest, false) as is_behind from
    (select last_value::numeric + case when is_called then ${increment} else 0 end as next from ${sequence}) as state,
    (select ${best}(value) as furthest from unnest(array[${values.join(', ')}]) as value) as columns`
}
