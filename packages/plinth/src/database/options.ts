import type { ConnectionOptions, Pooler } from '../driver/client-options.ts'
import type { Connection } from '../driver/connection.ts'
import { openerOf, splitServers } from '../driver/servers.ts'
import { hostOf, portOf } from '../driver/server-address.ts'
import type { PoolLimits } from '../driver/pool-options.ts'
import type { DatabaseIdentity } from '../observe/observation.ts'
import { PlinthError } from '../errors.ts'
import { readFaults } from './fault-options.ts'
import type { DatabaseOptions, FaultOptions, MisuseMode, PoolOptions } from './queryable.ts'

/** The options of a database with their defaults, each checked. */
export interface DatabaseSettings {
  readonly connection: ConnectionOptions
  /** One for each server that may serve reads. */
  readonly replicas: readonly ConnectionOptions[]
  readonly connectAttempts: number
  /** Opens a connection to the primary; the signal gives up on it. */
  readonly open: (signal?: AbortSignal) => Promise<Connection>
  readonly limits: PoolLimits
  readonly pingAfterMs: number
  readonly misuse: MisuseMode
  readonly faults: FaultOptions | undefined
  readonly statementTimeoutMs: number
  readonly lockTimeoutMs: number
  readonly idleInTransactionTimeoutMs: number
}

export function readOptions(options: DatabaseOptions): DatabaseSettings {
  const statementTimeoutMs = wholeNumber('statementTimeoutMs', options.statementTimeoutMs ?? 30_000, 1)
  const lockTimeoutMs = wholeNumber('lockTimeoutMs', options.lockTimeoutMs ?? 5000, 1)
  const idleMs = wholeNumber('idleInTransactionTimeoutMs', options.idleInTransactionTimeoutMs ?? 10_000, 1)
  const service = options.service ?? 'plinth'
  const servers = splitServers(options.url).map(checkedUrl)
  const limits = poolLimits(options.pool ?? {})
  const settings = {
    // The decoders read these formats, whatever the server's or the role's own settings say.
    DateStyle: 'ISO',
    IntervalStyle: 'postgres',
    bytea_output: 'hex',
    extra_float_digits: '1',
    statement_timeout: String(statementTimeoutMs),
    lock_timeout: String(lockTimeoutMs),
    idle_in_transaction_session_timeout: String(idleMs),
  }
  const pooler = checkedPooler(options, settings, limits.acquireTimeoutMs)
  const connection = {
    url: servers[0] ?? options.url,
    servers,
    service,
    identity: identify(servers[0] ?? options.url, service),
    connectTimeoutMs: wholeNumber('connectTimeoutMs', options.connectTimeoutMs ?? 5000, 1),
    settings,
    pooler,
    preparedStatements: wholeNumber('preparedStatements', options.preparedStatements ?? (pooler ? 0 : 256), 0),
  }
  return {
    misuse: checkedMisuse(options.misuse),
    faults: readFaults(options.faults, options.url),
    statementTimeoutMs,
    lockTimeoutMs,
    idleInTransactionTimeoutMs: idleMs,
    pingAfterMs: wholeNumber('pool.pingAfterMs', options.pool?.pingAfterMs ?? 30_000, 0),
    limits,
    connection,
    replicas: (options.replicas ?? []).flatMap(splitServers).map((server) => ofReplica(connection, checkedUrl(server))),
    connectAttempts: connectAttempts(options.reconnect?.attempts),
    open: openerOf(connection),
  }
}

function checkedPooler(
  { pooler, url, replicas = [] }: DatabaseOptions,
  settings: Readonly<Record<string, string>>,
  patienceMs: number,
): Pooler | undefined {
  if (pooler === undefined) return undefined
  if (pooler !== 'transaction')
    throw new PlinthError('InvalidOption', `pooler is ${JSON.stringify(pooler)}; it must be 'transaction' or left out.`)
  if (URL.parse(url)?.searchParams.has('options')) {
    throw new PlinthError(
      'InvalidOption',
      'The options of the url would be lost behind a pooler in transaction mode.',
      {
        hint: 'Give the role the settings: alter role … set …',
      },
    )
  }
  if (replicas.length > 0)
    throw new PlinthError(
      'InvalidOption',
      'Behind a pooler nobody can tell a replica from a primary: leave replicas out.',
    )
  return { settings, patienceMs }
}

function ofReplica(primary: ConnectionOptions, url: string): ConnectionOptions {
  return { ...primary, url, servers: [url], identity: identify(url, primary.service) }
}

function connectAttempts(attempts: number | undefined): number {
  return attempts === undefined ? Number.POSITIVE_INFINITY : wholeNumber('reconnect.attempts', attempts, 1)
}

function checkedMisuse(mode: MisuseMode = 'error'): MisuseMode {
  if (mode === 'error' || mode === 'observe') return mode
  throw new PlinthError('InvalidOption', `misuse is ${JSON.stringify(mode)}; it must be 'error' or 'observe'.`)
}

function identify(url: string, service: string): DatabaseIdentity {
  const parsed = URL.parse(url)
  return {
    service,
    host: parsed ? hostOf(parsed) : 'localhost',
    port: Number(parsed ? portOf(parsed) : 5432),
    database: decodeURIComponent(parsed?.pathname.slice(1) ?? ''),
  }
}

function poolLimits(pool: PoolOptions): PoolLimits {
  const max = wholeNumber('pool.max', pool.max ?? 10, 1)
  const sharedLanes = wholeNumber('pool.sharedLanes', pool.sharedLanes ?? (max === 1 ? 0 : Math.min(2, max - 1)), 0)
  if (sharedLanes > 4 || sharedLanes >= max) {
    throw new PlinthError(
      'InvalidOption',
      `pool.sharedLanes is ${sharedLanes}; it must be at most 4 and leave an exclusive lane of pool.max ${max}.`,
    )
  }
  return {
    max,
    warm: Math.min(max, wholeNumber('pool.warm', pool.warm ?? 2, 0)),
    sharedLanes,
    acquireTimeoutMs: wholeNumber('pool.acquireTimeoutMs', pool.acquireTimeoutMs ?? 5000, 1),
    maxWaiting: wholeNumber('pool.maxWaiting', pool.maxWaiting ?? 1000, 0),
    idleTimeoutMs: wholeNumber('pool.idleTimeoutMs', pool.idleTimeoutMs ?? 60_000, 1),
    lifetimeMs: wholeNumber('pool.lifetimeMs', pool.lifetimeMs ?? 1_800_000, 1),
    leakAfterMs: wholeNumber('pool.leakAfterMs', pool.leakAfterMs ?? 60_000, 1),
  }
}

/** PostgreSQL's settings and Node's timers hold 31 bits; a larger timer fires at once. */
const most = 2_147_483_647

export function wholeNumber(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new PlinthError('InvalidOption', `${name} is ${value}; it must be a whole number from ${least} to ${most}.`)
}

function checkedUrl(url: string): string {
  const protocol = URL.parse(url)?.protocol
  if (protocol === 'postgres:' || protocol === 'postgresql:') return url
  throw new PlinthError('InvalidOption', 'The database url must begin with postgres:// or postgresql://.', {
    hint: 'postgres://user:password@host:5432/database; percent-encode special characters of the password.',
  })
}
