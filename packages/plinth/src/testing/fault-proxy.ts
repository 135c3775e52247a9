import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Side } from './commit-watch.ts'
import type { Conditions } from './flow.ts'
import { carry, type LossOptions, type ProxiedConnection } from './proxied-connection.ts'

/**
 * How the proxy treats its clients.
 *
 * | mode | new connections | open ones |
 * |---|---|---|
 * | forward | carried to the server | carried |
 * | refuse | reset at once | carried |
 * | accept and be silent | accepted, never answered | carried |
 * | blackhole | accepted, never answered | nothing arrives on either side |
 * | blackhole requests | carried, but the server hears nothing | the server hears nothing |
 * | blackhole answers | carried, but the client hears nothing | the client hears nothing |
 *
 * What is sent into a black hole arrives when it ends, as TCP sends lost packets again.
 */
export type ProxyMode =
  | 'forward'
  | 'refuse'
  | 'accept and be silent'
  | 'blackhole'
  | 'blackhole requests'
  | 'blackhole answers'

/** Of each direction; a round trip has two. */
export interface LineConditions {
  /** Each packet arrives this much later. Default 0. */
  readonly delayMs?: number
  /** A random time up to this is added; no packet overtakes another. Default 0. */
  readonly jitterMs?: number
  /** What the line carries. Default 0: no limit. */
  readonly bytesPerSecond?: number
}

export interface CommitLossOptions extends LossOptions {
  /** Which COMMIT from now on, over all connections. Default 1, the next. */
  readonly nth?: number
}

export interface FaultProxyOptions {
  /** For the jitter: a number from 0 to below 1. Default `Math.random`. */
  readonly random?: () => number
}

/** A TCP proxy in front of PostgreSQL, for the faults a network has. */
export interface FaultProxy extends AsyncDisposable {
  /** The target's url with the proxy's own host and port. */
  readonly url: string
  /** Client sockets that are open now. */
  readonly open: number
  /** The most that were open at once since `mark()`. */
  readonly peak: number
  /** Connections ever accepted since `mark()`. */
  readonly accepted: number
  /** How often a client spoke after the server had answered, since `mark()`. */
  readonly roundTrips: number
  /** Starts counting anew. */
  mark(): void
  become(mode: ProxyMode): void
  /** Makes the line slow or narrow, for open connections too; `{}` makes it quick again. */
  shape(conditions: LineConditions): void
  /** Resets every open connection. */
  cut(): void
  /** Resets every client; the server's side of each stays open and hears nothing, until the proxy ends. */
  leaveHalfOpen(): void
  /**
   * Everything passes again: mode and line as at first, losses that were asked for and have not happened forgotten; and
   * the server hears at last that half-open clients are gone, as from TCP's keepalive.
   */
  heal(): void
  /** New connections go to another server, as when a name is moved to the promoted standby. */
  pointAt(target: string): void
  /** Resolves at the next connection a client opens. */
  nextConnection(): Promise<void>
  /** The next message from this side of any connection goes nowhere, and that connection ends. Resolves then. */
  loseNext(side: Side, options?: LossOptions): Promise<void>
  /**
   * The n-th COMMIT from now on, or the answer that it was done, goes nowhere, and its connection ends for the client.
   * Resolves then. A COMMIT is known by its text, in the simple protocol and behind the name of a prepared statement.
   */
  loseCommit(side: Side, options?: CommitLossOptions): Promise<void>
}

interface Loss {
  readonly side: Side
  readonly options: LossOptions
  readonly happened: () => void
  readonly isCommit: boolean
  left: number
}

/**
 * Starts a proxy on a free port of 127.0.0.1 in front of the server of `target`.
 *
 *     await using proxy = await startFaultProxy(server.url)
 *     const db = createDatabase({ url: proxy.url })
 *     void proxy.loseCommit('answer')
 *     await db.transaction(async (tx) => tx.query('insert into orders default values'))   // resolves all the same
 */
export async function startFaultProxy(target: string, options: FaultProxyOptions = {}): Promise<FaultProxy> {
  const random = options.random ?? Math.random
  const connections = new Map<Socket, ProxiedConnection | undefined>()
  /** Those whose server side is open. */
  const carried = new Set<ProxiedConnection>()
  const waiting = new Set<() => void>()
  let address = new URL(target)
  let mode: ProxyMode = 'forward'
  let line: LineConditions = {}
  let counts = { accepted: 0, peak: 0, roundTrips: 0 }
  let losses: Loss[] = []

  const conditions = (side: Side): Conditions => ({
    delayMs: line.delayMs ?? 0,
    jitterMs: line.jitterMs ?? 0,
    bytesPerSecond: line.bytesPerSecond ?? 0,
    isHeld: mode === 'blackhole' || mode === `blackhole ${side}s`,
  })
  const lossFor = (side: Side, isCommit: boolean): LossOptions | undefined => {
    const loss = losses.find((one) => one.side === side && (isCommit || !one.isCommit))
    if (!loss || --loss.left > 0) return undefined
    losses = losses.filter((one) => one !== loss)
    loss.happened()
    return loss.options
  }
  const resume = (): void => {
    for (const connection of carried) connection.resume()
  }
  const carryOn = (client: Socket): ProxiedConnection => {
    const upstream = connect({ port: Number(address.port || 5432), host: address.hostname, noDelay: true })
    const one = carry(client, upstream, { conditions, random, lossFor, noteRoundTrip: () => counts.roundTrips++ })
    carried.add(one)
    upstream.on('close', () => carried.delete(one))
    return one
  }
  // Without noDelay the kernel holds back a small packet for up to 40 ms, which is no fault anybody asked for.
  const server = createServer({ noDelay: true }, (client) => {
    counts.accepted++
    connections.set(client, undefined)
    counts.peak = Math.max(counts.peak, connections.size)
    for (const resolve of waiting) resolve()
    waiting.clear()
    client.on('error', () => client.destroy())
    client.on('close', () => connections.delete(client))
    if (mode === 'refuse') client.resetAndDestroy()
    else if (mode === 'accept and be silent') client.resume()
    else connections.set(client, carryOn(client))
  })
  const lose = (side: Side, isCommit: boolean, { nth = 1, ...rest }: CommitLossOptions): Promise<void> =>
    new Promise((happened) => {
      losses.push({ side, isCommit, options: rest, happened, left: nth })
    })

  const url = await listen(server, address)
  return {
    url,
    get open() {
      return connections.size
    },
    get peak() {
      return counts.peak
    },
    get accepted() {
      return counts.accepted
    },
    get roundTrips() {
      return counts.roundTrips
    },
    mark: () => {
      counts = { accepted: 0, peak: connections.size, roundTrips: 0 }
    },
    become: (next) => {
      mode = next
      resume()
    },
    shape: (next) => {
      line = next
      resume()
    },
    cut: () => {
      for (const client of connections.keys()) client.resetAndDestroy()
    },
    leaveHalfOpen: () => {
      for (const connection of connections.values()) connection?.leaveHalfOpen()
    },
    heal: () => {
      mode = 'forward'
      line = {}
      losses = []
      resume()
      for (const connection of carried) connection.closeHalfOpen()
    },
    pointAt: (next) => {
      address = new URL(next)
    },
    nextConnection: () => new Promise((resolve) => waiting.add(resolve)),
    loseNext: (side, loss = {}) => lose(side, false, loss),
    loseCommit: (side, loss = {}) => lose(side, true, loss),
    [Symbol.asyncDispose]: async () => {
      for (const connection of carried) connection.destroy()
      for (const client of connections.keys()) client.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function listen(server: Server, target: URL): Promise<string> {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String(typeof address === 'object' ? address?.port : '')
  return url.href
}
