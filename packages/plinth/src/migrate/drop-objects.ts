import type { Queryable, Session, Transaction } from '../database/queryable.ts'
import { sql } from '../sql/sql.ts'

/** Drops what users made. Schemas where an extension lives, and `public`, stay as they are but for their objects. */
const schemasText = `select nspname::text as name,
    nspname = 'public' or exists (select from pg_extension where extnamespace = n.oid) as stays
  from pg_namespace as n
  where nspname !~ '^pg_' and nspname not in ('information_schema', 'plinth')
    and not exists (select from pg_depend where classid = 'pg_namespace'::regclass and objid = n.oid and deptype = 'e')
  order by 1`

/**
 * Every object depends on its schema; those of an extension depend on that too. What belongs to another, as the
 * sequence of an identity column, goes with it and cannot go alone. With an empty search_path the identity is
 * qualified, and it is quoted as SQL wants it.
 */
const objectsText = `select case about.type when 'composite type' then 'type' when 'statistics object' then 'statistics'
      else about.type end as type, about.identity
  from pg_depend as d cross join lateral pg_identify_object(d.classid, d.objid, 0) as about
  where d.refclassid = 'pg_namespace'::regclass and d.refobjid = $1::text::regnamespace and d.deptype = 'n'
    and about.type in ('table', 'view', 'materialized view', 'foreign table', 'sequence', 'function', 'procedure',
      'aggregate', 'type', 'composite type', 'domain', 'collation', 'conversion', 'operator', 'operator class',
      'operator family', 'statistics object', 'text search configuration', 'text search dictionary')
    and not exists (select from pg_depend as e
      where e.classid = d.classid and e.objid = d.objid and e.objsubid = 0 and e.deptype in ('e', 'i'))`

/**
 * The records of what was done to rows that are gone; `setting` and `schema_version` stay, and so does a table that
 * somebody else put into our schema.
 */
const recordsText = `select c.oid::regclass::text as name
  from pg_class as c join pg_namespace as n on n.oid = relnamespace
  where nspname = 'plinth' and relkind = 'r' and relname in
    ('idempotency', 'task', 'worker', 'cron', 'migration', 'migration_history', 'seed')`

/**
 * Drops all that users made in a database, in one transaction: tables, views, sequences, functions and types of each
 * schema, and the schemas themselves but for `public` and those an extension lives in. Empties Plinth's own tables:
 * migrations and seeds count as not run, tasks are gone. What stays: the database, its settings and its mark, roles,
 * extensions, `public` with its owner and grants, large objects, publications and foreign servers.
 *
 * Throws PermissionDenied, with nothing dropped, where something has another owner.
 */
export async function dropObjects(on: Pick<Session, 'transaction'>): Promise<void> {
  await on.transaction(dropAll, { name: 'drop objects', timeoutMs: 300_000 })
}

async function dropAll(tx: Transaction): Promise<void> {
  await tx.query(`select set_config('search_path', '', true)`)
  const { rows: schemas } = await tx.query<{ name: string; stays: boolean }>(schemasText)
  // Whole schemas first: what is in them needs no look.
  for (const { name } of schemas.filter(({ stays }) => !stays))
    await tx.query(sql`drop schema ${sql.name(name)} cascade`)
  for (const { name } of schemas.filter(({ stays }) => stays)) await dropContents(tx, name)
  const { rows: records } = await tx.query<{ name: string }>(recordsText)
  if (records.length > 0) await tx.query(`truncate ${records.map(({ name }) => name).join(', ')}`)
}

async function dropContents(tx: Queryable, schema: string): Promise<void> {
  const { rows } = await tx.query<{ type: string; identity: string }>(objectsText, [sql.name(schema).text])
  // One may have gone with another before its turn.
  for (const { type, identity } of rows) await tx.query(`drop ${type} if exists ${identity} cascade`)
}
