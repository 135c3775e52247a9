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
  const proxy = new RunningProxy(target, options.random ?? Math.random)
  await proxy.listen()
  return proxy
}

class RunningProxy implements FaultProxy {
  readonly #random: () => number
  readonly #server: Server
  readonly #connections = new Map<Socket, ProxiedConnection | undefined>()
  /** Those whose server side is open. */
  readonly #carried = new Set<ProxiedConnection>()
  /** Who waits for the next connection. */
  readonly #waiting = new Set<() => void>()
  #address: URL
  #url = ''
  #mode: ProxyMode = 'forward'
  #line: LineConditions = {}
  #counts = { accepted: 0, peak: 0, roundTrips: 0 }
  #losses: Loss[] = []

  constructor(target: string, random: () => number) {
    this.#address = new URL(target)
    this.#random = random
    // Without noDelay the kernel holds back a small packet for up to 40 ms, which is no fault anybody asked for.
    this.#server = createServer({ noDelay: true }, (client) => this.#receive(client))
  }

  async listen(): Promise<void> {
    this.#url = await listen(this.#server, this.#address)
  }

  get url(): string {
    return this.#url
  }

  get open(): number {
    return this.#connections.size
  }

  get peak(): number {
    return this.#counts.peak
  }

  get accepted(): number {
    return this.#counts.accepted
  }

  get roundTrips(): number {
    return this.#counts.roundTrips
  }

  mark(): void {
    this.#counts = { accepted: 0, peak: this.#connections.size, roundTrips: 0 }
  }

  become(mode: ProxyMode): void {
    this.#mode = mode
    this.#resume()
  }

  shape(conditions: LineConditions): void {
    this.#line = conditions
    this.#resume()
  }

  cut(): void {
    for (const client of this.#connections.keys()) client.resetAndDestroy()
  }

  leaveHalfOpen(): void {
    for (const connection of this.#connections.values()) connection?.leaveHalfOpen()
  }

  heal(): void {
    this.#mode = 'forward'
    this.#line = {}
    this.#losses = []
    this.#resume()
    for (const connection of this.#carried) connection.closeHalfOpen()
  }

  pointAt(target: string): void {
    this.#address = new URL(target)
  }

  nextConnection(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve))
  }

  loseNext(side: Side, options: LossOptions = {}): Promise<void> {
    return this.#lose(side, false, options)
  }

  loseCommit(side: Side, options: CommitLossOptions = {}): Promise<void> {
    return this.#lose(side, true, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#carried) connection.destroy()
    for (const client of this.#connections.keys()) client.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #receive(client: Socket): void {
    this.#counts.accepted++
    this.#connections.set(client, undefined)
    this.#counts.peak = Math.max(this.#counts.peak, this.#connections.size)
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
    client.on('error', () => client.destroy())
    client.on('close', () => this.#connections.delete(client))
    if (this.#mode === 'refuse') client.resetAndDestroy()
    else if (this.#mode === 'accept and be silent') client.resume()
    else this.#connections.set(client, this.#carryOn(client))
  }

  #carryOn(client: Socket): ProxiedConnection {
    const { port, hostname: host } = this.#address
    const upstream = connect({ port: Number(port || 5432), host, noDelay: true })
    const connection = carry(client, upstream, {
      conditions: (side) => this.#conditions(side),
      random: this.#random,
      lossFor: (side, isCommit) => this.#lossFor(side, isCommit),
      noteRoundTrip: () => this.#counts.roundTrips++,
    })
    this.#carried.add(connection)
    upstream.on('close', () => this.#carried.delete(connection))
    return connection
  }

  #conditions(side: Side): Conditions {
    const { delayMs = 0, jitterMs = 0, bytesPerSecond = 0 } = this.#line
    const isHeld = this.#mode === 'blackhole' || this.#mode === `blackhole ${side}s`
    return { delayMs, jitterMs, bytesPerSecond, isHeld }
  }

  #resume(): void {
    for (const connection of this.#carried) connection.resume()
  }

  #lose(side: Side, isCommit: boolean, { nth = 1, ...options }: CommitLossOptions): Promise<void> {
    return new Promise((happened) => {
      this.#losses.push({ side, isCommit, options, happened, left: nth })
    })
  }

  #lossFor(side: Side, isCommit: boolean): LossOptions | undefined {
    const loss = this.#losses.find((one) => one.side === side && (isCommit || !one.isCommit))
    if (!loss || --loss.left > 0) return undefined
    this.#losses = this.#losses.filter((one) => one !== loss)
    loss.happened()
    return loss.options
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
