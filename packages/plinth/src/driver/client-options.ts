import { userInfo } from 'node:os'
import { PlinthError } from '../errors.ts'
import type { DatabaseIdentity } from '../observe/observation.ts'
import type { WireClientOptions } from './peer.ts'
import { hostOf, portOf } from './server-address.ts'

export interface ConnectionOptions {
  readonly url: string
  /** One url each; more than one where the url names several servers. */
  readonly servers: readonly string[]
  readonly service: string
  /** What telemetry says about the database. */
  readonly identity: DatabaseIdentity
  readonly connectTimeoutMs: number
  /** Settings of every connection of this database, sent with the login where there is no pooler. */
  readonly settings: Readonly<Record<string, string>>
  /** Undefined where connections lead straight to the server. */
  readonly pooler: Pooler | undefined
  /** Statements kept by name on each connection, at most; 0: none has a name. */
  readonly preparedStatements: number
}

/**
 * A pooler in transaction mode gives each transaction whichever server connection is free, so nothing may be left
 * behind on one, and nothing of an earlier transaction may be relied on.
 */
export interface Pooler {
  /** Set again in each transaction. */
  readonly settings: Readonly<Record<string, string>>
  /** How long a transaction may wait in the pooler's own line before its connection counts as dead. */
  readonly patienceMs: number
}

export function clientOptions(options: ConnectionOptions): WireClientOptions {
  const ours = Object.entries(options.settings).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(/([\\ ])/g, '\\$1')}`,
  )
  const url = completeUrl(options.url)
  // pg lets the url's own `options` replace ours, so both are joined; theirs come last and win setting by setting.
  const theirs = url.searchParams.get('options') ?? ''
  url.searchParams.delete('options')
  return {
    connectionString: url.href,
    application_name: options.service,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // PgBouncer refuses the parameter, or is told to ignore it.
    options: options.pooler ? '' : [...ours, theirs].join(' ').trim(),
    pipeline: true,
  }
}

/**
 * Says each part of the address, since pg reads PGHOST, PGPORT, PGUSER and PGDATABASE where the url is silent: where a
 * database is must not depend on more than its url. PGPASSWORD, the password file and PGSSLMODE stay pg's.
 */
function completeUrl(text: string): URL {
  const url = new URL(text)
  const parameters = url.searchParams
  const host = hostOf(url)
  if (host !== url.hostname) parameters.set('host', host)
  parameters.set('port', portOf(url))
  const user = parameters.getAll('user').at(-1) || decodeURIComponent(url.username) || ownName()
  parameters.set('user', user)
  if (url.pathname.length < 2) url.pathname = `/${encodeURI(user)}`
  return url
}

/** As psql has it. An account of a container may have a number alone. */
function ownName(): string {
  try {
    return userInfo().username
  } catch (cause) {
    throw new PlinthError('InvalidOption', 'The url names no user, and the account of this process has no name.', {
      cause,
      hint: 'Say who connects: postgres://user:password@host/database.',
    })
  }
}
