import { isPlinthError, PlinthError } from '../errors.ts'
import type { ConnectionOptions } from './client-options.ts'
import { Connection } from './connection.ts'
import { describeServer } from './sqlstate.ts'

/**
 * One url for each server of a url with several, libpq's form: `postgres://app@a:5432,b:5433/app`. A server without a
 * port has 5432.
 */
export function splitServers(url: string): string[] {
  const [, before = '', servers = '', after = ''] = /^([^/]+:\/\/(?:[^@/]*@)?)([^/?#]*)(.*)$/s.exec(url) ?? []
  return servers.includes(',') ? servers.split(',').map((server) => `${before}${server}${after}`) : [url]
}

/**
 * Opens connections to the primary. With one server that is whoever answers; with several each is asked in turn, the
 * last one that was the primary first, and a standby says so by itself (see `ServerRole`): no query. A primary that was
 * set to take no writes is passed over too, as one that somebody fenced, and taken where there is no other.
 */
export function openerOf(options: ConnectionOptions): () => Promise<Connection> {
  const { servers } = options
  let primary = 0
  if (servers.length === 1) return () => Connection.open(options)
  return async () => {
    const failures: PlinthError[] = []
    let readOnly: Connection | undefined
    for (let turn = 0; turn < servers.length; turn++) {
      const at = (primary + turn) % servers.length
      try {
        const connection = await openPrimary({ ...options, url: servers[at] ?? options.url })
        if (connection.role.isReadOnly && !readOnly) {
          readOnly = connection
          continue
        }
        primary = at
        void readOnly?.close()
        return connection
      } catch (error) {
        if (!isPlinthError(error)) throw error
        failures.push(error)
      }
    }
    if (readOnly) return readOnly
    throw noPrimary(failures)
  }
}

async function openPrimary(options: ConnectionOptions): Promise<Connection> {
  const connection = await Connection.open(options)
  if (!connection.role.isStandby) return connection
  await connection.close()
  throw new PlinthError('ConnectionFailed', `PostgreSQL at ${describeServer(options.url)} is a standby.`, {
    phase: 'connect',
    retryable: true,
  })
}

/** Worth another try when one of them is: it may be promoted, or come back. */
function noPrimary(failures: readonly PlinthError[]): PlinthError {
  const [first] = failures
  const why = failures.map(({ message }) => message).join(' ')
  return new PlinthError('ConnectionFailed', `None of ${failures.length} servers is a primary to connect to: ${why}`, {
    phase: 'connect',
    retryable: failures.some(({ retryable }) => retryable),
    cause: first,
  })
}
