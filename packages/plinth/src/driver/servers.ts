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

/** How long a server may be silent before the next one is asked as well. */
const headStartMs = 1000

/**
 * Opens connections to the primary. With one server that is whoever answers; with several each is asked in turn, the
 * last one that was the primary first, and a standby says so by itself (see `ServerRole`): no query. A primary that was
 * set to take no writes is passed over too, as one that somebody fenced, and taken where there is no other.
 */
export function openerOf(options: ConnectionOptions): (signal?: AbortSignal) => Promise<Connection> {
  const { servers } = options
  let primary = 0
  if (servers.length === 1) return (signal) => Connection.open(options, signal)
  return async (signal) => {
    const order = [...servers.keys()].map((turn) => (primary + turn) % servers.length)
    const open = (at: number, over: AbortSignal): Promise<Connection> =>
      openPrimary({ ...options, url: servers[at] ?? options.url }, signal ? AbortSignal.any([over, signal]) : over)
    const opened = await firstOf(order, open, signal)
    if (!opened.connection.role.isReadOnly) primary = opened.at
    return opened.connection
  }
}

interface Opened {
  readonly connection: Connection
  readonly at: number
}

/**
 * Begins an attempt when the one before has ended, or was silent for `headStartMs`: a server that vanished must not
 * cost its whole time limit each time. The first that takes writes ends the others, and is the only one kept.
 */
function firstOf(
  servers: readonly number[],
  open: (at: number, signal: AbortSignal) => Promise<Connection>,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  const over = new AbortController()
  const { promise, resolve, reject } = Promise.withResolvers<Opened>()
  const failures: PlinthError[] = []
  let secondBest: Opened | undefined
  let [begun, ended] = [0, 0]
  let timer: NodeJS.Timeout | undefined
  const take = (opened: Opened): void => {
    over.abort()
    if (secondBest !== opened) void secondBest?.connection.close()
    resolve(opened)
  }
  const end = (turn: number): void => {
    ended++
    if (over.signal.aborted) return
    if (ended < servers.length && !signal?.aborted) return turn === begun ? begin() : undefined
    if (secondBest) take(secondBest)
    else reject(noPrimary(failures))
  }
  const hear = (opened: Opened): void => {
    const { isReadOnly } = opened.connection.role
    if (over.signal.aborted || (isReadOnly && secondBest)) void opened.connection.close()
    else if (isReadOnly) secondBest = opened
    else take(opened)
  }
  const begin = (): void => {
    clearTimeout(timer)
    const at = servers[begun]
    if (at === undefined || over.signal.aborted) return
    const turn = ++begun
    timer = setTimeout(begin, headStartMs)
    open(at, over.signal)
      .then(
        (connection) => hear({ connection, at }),
        (error: unknown) => (isPlinthError(error) ? void failures.push(error) : reject(error)),
      )
      .finally(() => end(turn))
  }
  begin()
  return promise.finally(() => clearTimeout(timer))
}

async function openPrimary(options: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
  const connection = await Connection.open(options, signal)
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
