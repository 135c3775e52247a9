import { PlinthError } from '../errors.ts'
import type { ConnectionOptions } from '../driver/client-options.ts'
import type { Connection } from '../driver/connection.ts'
import { failureOf } from '../observe/failure.ts'
import { isUnknownHost } from '../driver/sqlstate.ts'
import { type DatabaseIdentity, observe } from '../observe/observation.ts'
import { closedError, takesNoWrites, unreachable } from './availability-errors.ts'
import { Openings } from './openings.ts'
import { connectBackoff, delayMs, pause, unknownHostPatienceMs, urgentBackoff } from './backoff.ts'
import type { Outage } from './health-report.ts'
import type { State, StateChange } from './queryable.ts'

/**
 * Whether the server can be reached and takes writes, and the one place that opens connections.
 *
 * | from | to | when |
 * |---|---|---|
 * | disconnected | connecting | first use, or connect() |
 * | connecting | connected | a connection opened |
 * | connecting, connected | error | an attempt failed, unless the server is only full (53300) and one is left |
 * | connecting, connected | error | an attempt met a server that takes no writes |
 * | error | connected | a later attempt met one that does |
 * | any but closed | draining | close() was called |
 * | draining | closed | the last connection is gone |
 *
 * While the server is away one attempt at a time is in flight for its database handle, however many callers wait. Each
 * replica has an Availability of its own. A server that takes no writes is away for nobody: connections to it are
 * handed out, for reads, and it is looked at again until it takes them.
 */
export class Availability {
  #since = new Date()
  #outage: Outage | undefined
  readonly #url: string
  readonly #attempts: number
  readonly #identity: DatabaseIdentity
  readonly #of: 'primary' | 'replica'
  readonly #openings: Openings
  readonly #askFirst: (connection: Connection) => Promise<void>
  readonly #listeners = new Set<(change: StateChange) => void>()
  #state: State = 'disconnected'
  readonly #ending = new AbortController()
  #probe: Promise<void> | undefined
  #spare: Connection | undefined
  #waiting = 0
  #lastFailure: PlinthError | undefined
  #isReadOnly = false
  #hasLive = (): boolean => false
  #watchesForWrites = false

  /**
   * `attempts`: tries in a row, after which those who wait are refused; the next caller begins anew. `askFirst`: see
   * first-question.ts.
   */
  constructor(
    options: ConnectionOptions,
    attempts: number,
    openConnection: (signal: AbortSignal) => Promise<Connection>,
    askFirst: (connection: Connection) => Promise<void>,
    of: 'primary' | 'replica' = 'primary',
  ) {
    this.#askFirst = askFirst
    this.#of = of
    this.#attempts = attempts
    this.#url = options.url
    this.#identity = options.identity
    this.#openings = new Openings(openConnection)
  }

  get state(): State {
    return this.#state
  }

  get identity(): DatabaseIdentity {
    return this.#identity
  }

  /** When the state began. */
  get since(): Date {
    return this.#since
  }

  /** Defined in `error`. */
  get outage(): Outage | undefined {
    return this.#state === 'error' ? this.#outage : undefined
  }

  /** Why the state is `error`. */
  get failure(): PlinthError | undefined {
    return this.#state === 'error' ? this.#lastFailure : undefined
  }

  /** Why connecting fails just now; undefined while it works. */
  get whyUnreachable(): PlinthError | undefined {
    return this.#isReadOnly ? undefined : this.failure
  }

  /** `hasLive`: true while the pool has a connection that serves. */
  servedBy(hasLive: () => boolean): void {
    this.#hasLive = hasLive
  }

  on(listener: (change: StateChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Waits until a connection could be opened, at most `deadlineMs`. */
  async connect(deadlineMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.isEnding) throw closedError()
    const ended = new AbortController()
    const timeout = pause(deadlineMs, AbortSignal.any([ended.signal, ...(signal ? [signal] : [])])).then(() => {
      signal?.throwIfAborted()
      throw unreachable(this.#url, deadlineMs, this.failure)
    })
    try {
      await Promise.race([this.reachable(), timeout])
    } finally {
      ended.abort()
      timeout.catch(() => undefined)
    }
  }

  /** A connection was opened, and none was lost since whose server has not been looked for again. */
  get isReachable(): boolean {
    return (this.#state === 'connected' || this.#isReadOnly) && !this.#probe
  }

  /** Resolves when a connection could be opened; rejects on a failure that trying again cannot mend. */
  reachable(): Promise<void> {
    // While a lost connection is looked into, the others wait for the answer: a dead server is tried once, not by all.
    if (this.isReachable) return Promise.resolve()
    if (this.#state === 'disconnected') this.#change('connecting')
    return this.#probing()
  }

  /** Opens a connection, waiting for the server while it is away. The caller brings its own deadline. */
  async open(): Promise<Connection> {
    for (;;) {
      await this.#untilReachable()
      if (this.isEnding) throw closedError()
      try {
        return this.#takeSpare() ?? this.#seen(await this.#openings.open())
      } catch (error) {
        if (!this.#noteFailure(error)) throw error
        // Where the state stays, nobody waits: the next attempt comes after a pause.
        if (this.#state === 'connected') this.#startProbing()
      }
    }
  }

  /**
   * Opens a connection, or rejects at once while the server is known to be away: for callers who can go elsewhere.
   * After a failure it is looked for.
   */
  async openNow(): Promise<Connection> {
    if (this.isEnding) throw closedError()
    if (this.failure) throw this.failure
    try {
      return this.#takeSpare() ?? (await this.#openings.open())
    } catch (error) {
      if (this.#noteFailure(error) && !this.isEnding) this.#startProbing()
      throw error
    }
  }

  #takeSpare(): Connection | undefined {
    const spare = this.#spare
    this.#spare = undefined
    return spare?.isLost ? undefined : spare
  }

  async #untilReachable(): Promise<void> {
    this.#waiting++
    try {
      await this.reachable()
    } finally {
      this.#waiting--
    }
  }

  /**
   * A connection broke, or a write was refused: look at once whether the server is still there and takes writes, so
   * that a restart is noticed without traffic.
   */
  lookAgain(): void {
    this.#openings.giveUp(this.#takeSpare())
    if (this.#state === 'connected' || this.#isReadOnly) this.#startProbing()
  }

  /** What fails there was noted there. */
  #startProbing(): void {
    this.#probing().catch(() => undefined)
  }

  /**
   * From now on nobody is given a connection; those being opened are closed, or cut when the server is silent. Answers
   * with what to refuse callers with.
   */
  drain(): PlinthError {
    if (this.#state !== 'closed') this.#change('draining')
    this.#ending.abort()
    this.#openings.end()
    return closedError()
  }

  /** Behind the pools. Resolves when no connection is left that they do not know of. */
  async end(): Promise<void> {
    this.#change('closed')
    await this.#probe?.catch(() => undefined)
    this.#openings.giveUp(this.#takeSpare())
    await this.#openings.done()
  }

  #probing(): Promise<void> {
    this.#probe ??= this.#untilConnected().finally(() => {
      this.#probe = undefined
    })
    return this.#probe
  }

  async #untilConnected(): Promise<void> {
    let unknownSince: number | undefined
    for (let attempt = 1; !this.isEnding; attempt++) {
      try {
        const connection = await this.#openings.open()
        await this.#askFirst(connection)
        await this.#keepSpare(connection)
        this.#arrived(connection)
        return
      } catch (error) {
        const wait = delayMs(this.#waiting > 0 ? urgentBackoff : connectBackoff, attempt)
        unknownSince = isUnknownHost(error) ? (unknownSince ?? performance.now()) : undefined
        const isLost = unknownSince !== undefined && performance.now() - unknownSince >= unknownHostPatienceMs
        if (!this.#noteFailure(error, wait) || isLost || attempt >= this.#attempts) throw error
        const failure = failureOf(error)
        observe({ kind: 'retry', database: this.#identity, what: 'connect', attempt, delayMs: wait, failure })
        // Not a reason to keep the process alive: whoever waits for the connection has a timer of its own.
        await pause(wait, this.#ending.signal, true)
      }
    }
    throw closedError()
  }

  async #keepSpare(connection: Connection): Promise<void> {
    // Kept without a taker it would be one more than the pool may have; after connect() the pool's first lane takes it.
    const isWanted = (this.#waiting > 0 || this.#state === 'connecting') && !this.#spare && !this.isEnding
    if (isWanted) this.#spare = connection
    else await connection.close()
  }

  /** Looks at the server of a connection that was opened while the state was known. */
  #seen(connection: Connection): Connection {
    if (this.#isReadOnly || connection.role.isReadOnly) this.#arrived(connection)
    return connection
  }

  #arrived({ role }: Connection): void {
    if (this.isEnding) return
    if (this.#of === 'replica' || !role.isReadOnly) {
      this.#isReadOnly = false
      return this.#change('connected')
    }
    this.#noteFailure(takesNoWrites(this.#url, role.isStandby))
    if (!this.#watchesForWrites) void this.#untilWritable()
  }

  /** Connects again and again, with a growing delay, until the server takes writes or cannot be reached. */
  async #untilWritable(): Promise<void> {
    this.#watchesForWrites = true
    for (let attempt = 1; this.#isReadOnly; attempt++) {
      const wait = delayMs(connectBackoff, attempt)
      this.#noteNext(wait)
      await pause(wait, this.#ending.signal, true)
      if (this.isEnding) return
      // Whoever waits meanwhile waits for its answer; a failure is noted there.
      if (this.#isReadOnly) await this.#probing().catch(() => undefined)
    }
    this.#watchesForWrites = false
  }

  /** True when trying again can help, which it is in `waitMs`. */
  #noteFailure(error: unknown, waitMs = 0): boolean {
    if (!(error instanceof PlinthError)) return false
    // 53300 says that the server is there and full; whoever has a connection is served on.
    if (error.code === 'ServerOverloaded' && this.#state === 'connected' && this.#hasLive()) return true
    this.#lastFailure = error
    this.#isReadOnly = error.code === 'ReadOnlyServer'
    const { since = new Date(), attempts = 0 } = this.outage ?? {}
    this.#outage = { since, attempts: attempts + 1, nextAttemptAt: new Date(Date.now() + waitMs) }
    if (!this.isEnding) this.#change('error', error)
    return error.retryable
  }

  #noteNext(waitMs: number): void {
    if (this.#outage) this.#outage = { ...this.#outage, nextAttemptAt: new Date(Date.now() + waitMs) }
  }

  /** close() was called. */
  get isEnding(): boolean {
    return this.#state === 'draining' || this.#state === 'closed'
  }

  #change(to: State, cause?: unknown): void {
    if (this.#state === to) return
    const outage = to === 'error' && this.#outage ? { outage: this.#outage } : {}
    const change = { from: this.#state, to, ...(cause === undefined ? {} : { cause }), ...outage }
    this.#state = to
    this.#since = new Date()
    if (to === 'connected') this.#outage = undefined
    const failure = cause === undefined ? {} : { failure: failureOf(cause) }
    const kind = this.#of === 'primary' ? 'connection.state' : 'replica.state'
    observe({ kind, database: this.#identity, from: change.from, to, ...failure })
    for (const listener of this.#listeners) {
      try {
        listener({ ...change, at: new Date() })
      } catch (error) {
        observe({ kind: 'listener.failed', database: this.#identity, failure: failureOf(error) })
      }
    }
  }
}
