import { describeServer } from '../driver/sqlstate.ts'
import { PlinthError } from '../errors.ts'
import type { ConnectionOptions } from '../driver/client-options.ts'
import type { Connection } from '../driver/connection.ts'
import { failureOf } from '../observe/failure.ts'
import { type DatabaseIdentity, observe } from '../observe/observation.ts'
import { connectBackoff, delayMs, pause, urgentBackoff } from './backoff.ts'
import type { Outage } from './health-report.ts'
import type { State, StateChange } from './queryable.ts'

/**
 * Whether the server can be reached, and the one place that opens connections.
 *
 * | from | to | when |
 * |---|---|---|
 * | disconnected | connecting | first use, or connect() |
 * | connecting | connected | a connection opened |
 * | connecting, connected | error | an attempt to connect failed |
 * | error | connected | a later attempt succeeded |
 * | any but closed | draining | close() was called |
 * | draining | closed | the last connection is gone |
 *
 * While the server is away one attempt at a time is in flight for the whole process, however many callers wait.
 */
export class Availability {
  #since = new Date()
  #outage: Outage | undefined
  readonly #url: string
  readonly #attempts: number
  readonly #identity: DatabaseIdentity
  readonly #kind: 'connection.state' | 'replica.state'
  readonly #openConnection: () => Promise<Connection>
  readonly #askFirst: (connection: Connection) => Promise<void>
  readonly #listeners = new Set<(change: StateChange) => void>()
  #state: State = 'disconnected'
  readonly #ending = new AbortController()
  #probe: Promise<void> | undefined
  #spare: Connection | undefined
  #waiting = 0
  #lastFailure: PlinthError | undefined

  /**
   * `attempts`: tries in a row, after which those who wait are refused; the next caller begins anew. `askFirst`: see
   * first-question.ts.
   */
  constructor(
    options: ConnectionOptions,
    attempts: number,
    openConnection: () => Promise<Connection>,
    askFirst: (connection: Connection) => Promise<void>,
    kind: 'connection.state' | 'replica.state' = 'connection.state',
  ) {
    this.#askFirst = askFirst
    this.#kind = kind
    this.#attempts = attempts
    this.#url = options.url
    this.#identity = options.identity
    this.#openConnection = openConnection
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

  /** Defined while the server cannot be reached. */
  get outage(): Outage | undefined {
    return this.#state === 'error' ? this.#outage : undefined
  }

  /** Why connecting fails just now; undefined while it works. */
  get failure(): PlinthError | undefined {
    return this.#state === 'error' ? this.#lastFailure : undefined
  }

  on(listener: (change: StateChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Waits until a connection could be opened, at most `deadlineMs`. */
  async connect(deadlineMs: number, signal: AbortSignal | undefined): Promise<void> {
    const ended = new AbortController()
    const timeout = pause(deadlineMs, AbortSignal.any([ended.signal, ...(signal ? [signal] : [])])).then(() => {
      signal?.throwIfAborted()
      throw this.#unreachable(deadlineMs)
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
    return this.#state === 'connected' && !this.#probe
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
        return this.#takeSpare() ?? (await this.#openConnection())
      } catch (error) {
        if (!this.#noteFailure(error)) throw error
      }
    }
  }

  /**
   * Opens a connection without waiting for a server that is away: for callers who can go elsewhere. After a failure it
   * is looked for.
   */
  async openNow(): Promise<Connection> {
    if (this.isEnding) throw closedError()
    try {
      return this.#takeSpare() ?? (await this.#openConnection())
    } catch (error) {
      if (this.#noteFailure(error) && !this.isEnding) this.#probing().catch((failure) => this.#noteFailure(failure))
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
   * A connection broke: look at once whether the server is still there, so that a restart is noticed without traffic.
   */
  noteLost(): void {
    if (this.#state === 'connected') this.#probing().catch((error) => this.#noteFailure(error))
  }

  drain(): void {
    if (this.#state !== 'closed') this.#change('draining')
    this.#ending.abort()
  }

  async end(): Promise<void> {
    this.#change('closed')
    await this.#spare?.close()
    this.#spare = undefined
  }

  #probing(): Promise<void> {
    this.#probe ??= this.#untilConnected().finally(() => {
      this.#probe = undefined
    })
    return this.#probe
  }

  async #untilConnected(): Promise<void> {
    for (let attempt = 1; !this.isEnding; attempt++) {
      try {
        const connection = await this.#openConnection()
        await this.#askFirst(connection)
        await this.#keepSpare(connection)
        if (!this.isEnding) this.#change('connected')
        return
      } catch (error) {
        if (!this.#noteFailure(error) || attempt >= this.#attempts) throw error
        const wait = delayMs(this.#waiting > 0 ? urgentBackoff : connectBackoff, attempt)
        const failure = failureOf(error)
        observe({ kind: 'retry', database: this.#identity, what: 'connect', attempt, delayMs: wait, failure })
        this.#outage = { attempts: attempt, nextAttemptAt: new Date(Date.now() + wait) }
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

  /** True when trying again can help. */
  #noteFailure(error: unknown): boolean {
    if (!(error instanceof PlinthError)) return false
    this.#lastFailure = error
    if (!this.isEnding) this.#change('error', error)
    return error.retryable
  }

  /** close() was called. */
  get isEnding(): boolean {
    return this.#state === 'draining' || this.#state === 'closed'
  }

  #change(to: State, cause?: unknown): void {
    if (this.#state === to) return
    const change = { from: this.#state, to, ...(cause === undefined ? {} : { cause }) }
    this.#state = to
    this.#since = new Date()
    if (to === 'connected') this.#outage = undefined
    const failure = cause === undefined ? {} : { failure: failureOf(cause) }
    observe({ kind: this.#kind, database: this.#identity, from: change.from, to, ...failure })
    for (const listener of this.#listeners) {
      try {
        listener({ ...change, at: new Date() })
      } catch (error) {
        observe({ kind: 'listener.failed', database: this.#identity, failure: failureOf(error) })
      }
    }
  }

  #unreachable(deadlineMs: number): PlinthError {
    const last = this.failure
    const why = last ? ` Last: ${last.message}` : ''
    const server = describeServer(this.#url)
    return new PlinthError(
      'ConnectionFailed',
      `PostgreSQL at ${server} was not reachable within ${deadlineMs} ms.${why}`,
      { phase: 'connect', retryable: true, cause: last, hint: 'Is the server running, and reachable from here?' },
    )
  }
}

export function closedError(): PlinthError {
  return new PlinthError('DatabaseClosed', 'The database handle is closed, or is being closed.', {
    hint: 'Close it last: after the HTTP server and the workers that use it.',
  })
}
