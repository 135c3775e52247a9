import type { PlinthError } from '../errors.ts'
import { type DatabaseIdentity, observe, type TransactionRef } from '../observe/observation.ts'
import { watchWait } from '../observe/watch.ts'
import type { Connection } from './connection.ts'
import { acquireTimedOut, cancelledWaiting, leftOpen, overloaded } from './pool-errors.ts'
import { SharedLanes } from './shared-lanes.ts'
import { startTimer } from './timer.ts'

export interface PoolLimits {
  readonly max: number
  readonly sharedLanes: number
  readonly acquireTimeoutMs: number
  readonly maxWaiting: number
  readonly idleTimeoutMs: number
}

interface Waiter {
  readonly give: (connection: Connection) => void
  readonly refuse: (error: unknown) => void
}

interface Idle {
  readonly connection: Connection
  readonly since: number
}

/** Time for DISCARD ALL. */
const resetLimitMs = 5000

/**
 * The connections of one database. Exclusive lanes belong to one holder at a time (transactions, sessions); shared
 * lanes carry the single statements of everybody, pipelined. Each lane counts towards `max`.
 *
 * | a lane is | counted in | leaves by |
 * |---|---|---|
 * | opening | #exclusive, #opening | opened, or failed: its slot goes to the next waiter |
 * | held | #exclusive, #held | release, or lost |
 * | idle | #exclusive, #idle | acquire (last in, first out), idle timeout, lost |
 * | shared | #shared | see SharedLanes |
 */
export class Pool {
  readonly #open: () => Promise<Connection>
  readonly #whyAway: () => PlinthError | undefined
  readonly #limits: PoolLimits
  readonly #identity: DatabaseIdentity
  readonly #held = new Set<Connection>()
  readonly #shared: SharedLanes
  readonly #waiting = new Set<Waiter>()
  readonly #idleTimer: NodeJS.Timeout
  #idle: Idle[] = []
  #exclusive = 0
  #opening = 0
  #refusal: PlinthError | undefined
  #isClosed = false
  #whenReleased: () => void = () => undefined

  /** `whyAway` explains a wait that timed out because the server cannot be reached. */
  constructor(
    limits: PoolLimits,
    identity: DatabaseIdentity,
    open: () => Promise<Connection>,
    whyAway: () => PlinthError | undefined,
  ) {
    this.#limits = limits
    this.#identity = identity
    this.#open = open
    this.#whyAway = whyAway
    const { sharedLanes, maxWaiting, acquireTimeoutMs } = limits
    const timedOut = (): PlinthError => this.#timedOut()
    this.#shared = new SharedLanes({ open, max: sharedLanes, maxWaiting, acquireTimeoutMs, timedOut })
    this.#idleTimer = setInterval(
      () => this.#evictIdle(performance.now() - limits.idleTimeoutMs),
      Math.max(50, limits.idleTimeoutMs / 2),
    ).unref()
  }

  /**
   * A lane to share, for a quick statement that can wait for nothing. Undefined when an exclusive one serves better:
   * the shared ones are held up, and there is room.
   */
  shared(): Connection | Promise<Connection> | undefined {
    const lane = this.#shared.pick(this.#total < this.#limits.max, this.hasRoom)
    return lane instanceof Promise ? watchWait(lane, this.#identity) : lane
  }

  /** A connection for the caller alone, given back by `release`. `transaction`: for whom, as telemetry tells it. */
  acquire(signal?: AbortSignal, transaction?: TransactionRef): Promise<Connection> {
    if (this.#refusal) return Promise.reject(this.#refusal)
    if (signal?.aborted) return Promise.reject(cancelledWaiting(signal))
    const idle = this.#idle.pop()
    if (idle) {
      this.#held.add(idle.connection)
      return Promise.resolve(idle.connection)
    }
    // Those for whom a connection is being opened, or may be, do not wait for anybody.
    const served = this.#room - this.#exclusive + this.#opening
    if (this.#waiting.size >= this.#limits.maxWaiting + served) return Promise.reject(overloaded(this.#waiting.size))
    return watchWait(this.#wait(signal), this.#identity, transaction)
  }

  get counts(): { readonly max: number; readonly total: number; readonly idle: number; readonly waiting: number } {
    return { max: this.#limits.max, total: this.#total, idle: this.#idle.length, waiting: this.#waiting.size }
  }

  /** Gives a connection back. Its holder has ended every transaction on it; a lost one just frees its slot. */
  release(connection: Connection): void {
    if (!this.#held.has(connection)) return
    // No holder may leave a transaction or a statement behind; whoever does loses the connection.
    if (connection.status !== 'I' || connection.inFlight > 0) {
      observe({ kind: 'leak', database: this.#identity })
      connection.destroy(leftOpen())
    }
    if (connection.isLost || !connection.needsReset) return this.#releaseClean(connection)
    connection
      .reset(resetLimitMs)
      .catch((failure: unknown) => connection.destroy(failure))
      .finally(() => this.#releaseClean(connection))
  }

  #releaseClean(connection: Connection): void {
    if (!this.#held.delete(connection)) return
    this.#giveOrKeep(connection)
    this.#whenReleased()
  }

  /** Refuses new work and waiters, resolves when nothing is held or in flight, then says goodbye to the server. */
  async close(refusal: PlinthError, deadlineMs: number): Promise<void> {
    this.#refusal = refusal
    clearInterval(this.#idleTimer)
    this.#shared.refuse(refusal)
    for (const waiter of [...this.#waiting]) waiter.refuse(refusal)
    await this.#quiet(deadlineMs)
    const stop = async (connection: Connection): Promise<void> => {
      await connection.cancel()
      connection.destroy(refusal)
    }
    await Promise.all([...this.#held, ...this.#shared.busy].map(stop))
    this.#isClosed = true
    await Promise.all([this.#shared.close(), ...this.#idle.map((idle) => idle.connection.close())])
    this.#idle = []
  }

  #wait(signal: AbortSignal | undefined): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        this.#waiting.delete(waiter)
      }
      const waiter: Waiter = {
        give: (connection) => {
          end()
          this.#held.add(connection)
          resolve(connection)
        },
        refuse: (error) => {
          end()
          reject(error)
        },
      }
      const abort = (): void => waiter.refuse(cancelledWaiting(signal))
      const timer = setTimeout(() => waiter.refuse(this.#timedOut()), this.#limits.acquireTimeoutMs)
      this.#waiting.add(waiter)
      signal?.addEventListener('abort', abort)
      this.#openForWaiter()
    })
  }

  #openForWaiter(): void {
    if (this.#waiting.size <= this.#opening || this.#exclusive >= this.#room || this.#refusal) return
    this.#exclusive++
    this.#opening++
    this.#open().then(
      (connection) => {
        this.#opening--
        connection.onLost(() => {
          this.#forgetIdle(connection)
          // The others may be as dead, and say so only to whoever uses them next.
          if (connection.wasShutDown) this.#evictIdle(Number.POSITIVE_INFINITY)
        })
        this.#giveOrKeep(connection)
      },
      (error) => {
        this.#opening--
        this.#exclusive--
        this.#refuseAfter(error)
        this.#openForWaiter()
      },
    )
  }

  /** What failed for one fails for all, unless a connection is left that somebody will give back. */
  #refuseAfter(error: unknown): void {
    const waiters = [...this.#waiting]
    const refused = this.#exclusive === this.#opening ? waiters : waiters.slice(0, 1)
    for (const waiter of refused) waiter.refuse(error)
  }

  /** Exclusive lanes there may be: all but the shared ones, of which one always has its place. */
  get #room(): number {
    return this.#limits.max - Math.max(this.#shared.size, Math.min(1, this.#limits.sharedLanes))
  }

  /** True when `acquire` gives a connection without waiting for another holder. */
  get hasRoom(): boolean {
    return this.#idle.length > 0 || (this.#waiting.size <= this.#opening && this.#exclusive < this.#room)
  }

  get #total(): number {
    return this.#exclusive + this.#shared.size
  }

  #giveOrKeep(connection: Connection): void {
    if (connection.isLost || this.#isClosed) {
      this.#exclusive--
      if (!connection.isLost) void connection.close()
      return this.#openForWaiter()
    }
    const waiter = first(this.#waiting)
    if (waiter) waiter.give(connection)
    else this.#idle.push({ connection, since: performance.now() })
  }

  /** A lost connection that is held stays counted until its holder releases it. */
  #forgetIdle(connection: Connection): void {
    const before = this.#idle.length
    this.#idle = this.#idle.filter((idle) => idle.connection !== connection)
    if (this.#idle.length === before) return
    this.#exclusive--
    this.#openForWaiter()
  }

  /** Closes what has been idle since before `oldest`, in performance.now(). */
  #evictIdle(oldest: number): void {
    const expired = this.#idle.filter((idle) => idle.since < oldest)
    this.#idle = this.#idle.filter((idle) => idle.since >= oldest)
    this.#exclusive -= expired.length
    for (const idle of expired) void idle.connection.close()
  }

  /** Resolves when nothing is held or in flight, at the latest at the deadline. */
  async #quiet(deadlineMs: number): Promise<void> {
    const lastReleased = new Promise<void>((resolve) => {
      this.#whenReleased = () => {
        if (this.#held.size === 0) resolve()
      }
      this.#whenReleased()
    })
    // A shared lane answers in order, so an empty exchange behind the others ends when they have.
    const lanes = this.#shared.busy.map((lane) => lane.run([], deadlineMs).catch(() => undefined))
    const deadline = startTimer(deadlineMs)
    await Promise.race([Promise.all([lastReleased, ...lanes]), deadline.passed])
    deadline.clear()
  }

  #timedOut(): PlinthError {
    return this.#whyAway() ?? acquireTimedOut(this.#limits.acquireTimeoutMs, this.#exclusive, this.#limits.max)
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const item of set) return item
  return undefined
}
