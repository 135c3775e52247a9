import { createDatabase, type Database } from 'plinth'
import { setting } from './settings.ts'

let database: Database | undefined

/**
 * The one handle of this process, on DATABASE_URL. It connects at the first use and finds a server that went away by
 * itself again: with a delay that grows and is partly random, and without an end.
 */
export function getDatabase(service: string): Database {
  database ??= open(service)
  return database
}

function open(service: string): Database {
  const opened = createDatabase({
    url: setting('DATABASE_URL'),
    service,
    // A request that gets no connection in this time is answered 503, and the client tries again.
    pool: { max: 10, acquireTimeoutMs: 2000 },
  })
  opened.on('state', ({ to, cause }) => {
    console.log(`${service}: database ${to}`, cause instanceof Error ? cause.message : '')
  })
  return opened
}
