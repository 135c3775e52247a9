import { createDatabase, type Database } from 'plinth'
import { setting } from './settings.ts'

let handle: { readonly service: string; readonly database: Database } | undefined

/**
 * The one handle of this process, on DATABASE_URL. It connects at the first use and finds a server that went away by
 * itself again: with a delay that grows and is partly random, and without an end. Throws TypeError for a second name.
 */
export function getDatabase(service: string): Database {
  handle ??= { service, database: open(service) }
  if (handle.service === service) return handle.database
  throw new TypeError(`This process has its database handle as "${handle.service}", so not as "${service}".`)
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
