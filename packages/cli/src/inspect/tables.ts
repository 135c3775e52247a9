import type { Database } from 'plinth'
import { type RelationSize, relationSizes } from 'plinth/inspect'
import type { Report } from '../command-line/command.ts'
import { size, table } from '../terminal/table.ts'
import { count } from '../terminal/text.ts'

export async function tablesReport(database: Database, schemas: readonly string[] | undefined): Promise<Report> {
  const found = await relationSizes(database, schemas)
  if (found.length === 0) return { data: found, text: 'There is no table.' }
  const rows = found.map(({ schema, name, kind, rows: estimate, bytes }) => [
    schema === 'public' ? name : `${schema}.${name}`,
    estimate === undefined ? (isCounted(kind) ? 'not analyzed' : '') : count(estimate),
    kind === 'view' ? '' : size(bytes),
    kind,
  ])
  return { data: found, text: table(['Name', 'Rows, about', 'Size', 'Kind'], rows) }
}

/** PostgreSQL estimates the rows of these, once VACUUM or ANALYZE has seen them. */
function isCounted(kind: RelationSize['kind']): boolean {
  return kind === 'table' || kind === 'partitioned table' || kind === 'materialized view'
}
