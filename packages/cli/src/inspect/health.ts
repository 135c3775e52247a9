import { type Database, type Health, isPlinthError } from 'plinth'
import type { Report } from '../command-line/command.ts'
import { columns } from '../terminal/text.ts'

/** `plinth health`: also of a database that cannot be reached, which is what one asks it for. */
export async function healthReport(database: Database, deadlineMs: number): Promise<Report> {
  await database.connect({ deadlineMs }).catch((error: unknown) => {
    // The report says why.
    if (!isPlinthError(error)) throw error
  })
  const health = await database.health()
  return { data: health, text: describe(health), hasFindings: health.status === 'down' }
}

function describe({ status, latencyMs, server, checks, error }: Health): string {
  const rows = [
    ['Status', `${status}, answered in ${latencyMs} ms`],
    ...(server === undefined ? [] : [['Server', `PostgreSQL ${server.version}, ${server.role}`]]),
    ...(server === undefined ? [] : [['TLS', server.tls ? 'yes' : 'no']]),
    ...(server === undefined ? [] : [['Started', server.startedAt.toISOString()]]),
    ...checks.map(({ name, status: result }) => [name, result]),
    ...(error === undefined ? [] : [['Error', error.message]]),
  ]
  return columns(rows)
}
