import { type Database, sql } from 'plinth'
import { type CatalogRelation, loadCatalog } from 'plinth/operation'

export interface FoundTable {
  readonly relation: CatalogRelation
  readonly rows: number
  /** Services whose role may read it. */
  readonly readers: readonly string[]
}

/** Schemas of a database that hold something, `public` first. */
export async function readSchemas(database: Database): Promise<readonly string[]> {
  const { rows } = await database.query<{ name: string }>(
    `select nspname::text as name from pg_namespace as n
     where nspname !~ '^pg_' and nspname not in ('information_schema', 'plinth')
       and exists (select from pg_class where relnamespace = n.oid and relkind in ('r', 'p', 'v', 'm', 'f'))
     order by nspname <> 'public', nspname`,
  )
  return rows.length === 0 ? ['public'] : rows.map(({ name }) => name)
}

/** The tables of the schemas by name, with the number of their rows. `roles` must exist. */
export async function readTables(
  database: Database,
  schemas: readonly string[],
  roles: readonly string[],
): Promise<readonly FoundTable[]> {
  const catalog = await loadCatalog(database, schemas)
  const relations = [...catalog.relations.values()].flatMap((byName) => [...byName.values()])
  const tables = relations.filter(({ kind }) => kind === 'table' || kind === 'partitioned table')
  const found = await Promise.all(tables.map((relation) => readTable(database, relation, roles)))
  const order = ({ relation: { schema, name } }: FoundTable): string => `${schemas.indexOf(schema)} ${name}`
  return found.toSorted((a, b) => order(a).localeCompare(order(b), 'en'))
}

async function readTable(database: Database, relation: CatalogRelation, roles: readonly string[]): Promise<FoundTable> {
  const table = sql.name(relation.schema, relation.name)
  const { rows } = await database.query<{ count: string; readers: string[] }>(
    sql`select count(*), array(
          select role from unnest(${[...roles]}::text[]) as role
          where has_table_privilege(role, ${table.text}, 'select')
        ) as readers from ${table}`,
  )
  return { relation, rows: Number(rows[0]?.count), readers: rows[0]?.readers ?? [] }
}
