import { PlinthError } from '../errors.ts'
import type { Connection } from './connection.ts'

export interface PoolLimits {
  readonly max: number
  readonly sharedLanes: number
  readonly acquireTimeoutMs: number
  readonly maxWaiting: number
  readonly idleTimeoutMs: number
}

export interface PoolStats {
  readonly total: number
  readonly idle: number
  readonly busy: number
  readonly waiting: number
}

interface Waiter {
  readonly give: (connection: Connection) => void
  readonly refuse: (error: unknown) => void
}

interface Idle {
  readonly connection: Connection
  readonly since: number
}

/** A lane whose first in line has run for this long is passed over. */
const heldUpMs = 5

/** Time for DISCARD ALL. */
const resetLimitMs = 5000

/**
 * The connections of one database. Exclusive lanes belong to one holder at a time (transactions, sessions); shared
 * lanes carry the single statements of everybody, pipelined. Each lane counts towards `max`.
 *
 * | a lane is | counted in | leaves by |
 * |---|---|---|
 * | opening | #exclusive or #openingShared | opened, or failed: its slot goes to the next waiter |
 * | held | #exclusive, #held | release, or lost |
 * | idle | #exclusive, #idle | acquire (last in, first out), idle timeout, lost |
 * | shared | #shared | lost, close |
 */
export class Pool {
  readonly #open: () => Promise<Connection>
  readonly #whyAway: () => PlinthError | undefined
  readonly #limits: PoolLimits
  readonly #held = new Set<Connection>()
  readonly #shared = new Set<Connection>()
  readonly #waiting = new Set<Waiter>()
  readonly #idleTimer: NodeJS.Timeout
  #idle: Idle[] = []
  #exclusive = 0
  #opening = 0
  #openingShared: Promise<Connection> | undefined
  #waitingShared = 0
  #refusal: PlinthError | undefined
  #isClosed = false
  readonly #closing = Promise.withResolvers<never>()
  #whenReleased: () => void = () => undefined

  /** `whyAway` explains a wait that timed out because the server cannot be reached. */
  constructor(limits: PoolLimits, open: () => Promise<Connection>, whyAway: () => PlinthError | undefined) {
    this.#limits = limits
    this.#open = open
    // Nobody may be waiting when the pool closes.
    this.#closing.promise.catch(() => undefined)
    this.#whyAway = whyAway
    this.#idleTimer = setInterval(() => this.#evictIdle(), Math.max(50, limits.idleTimeoutMs / 2)).unref()
  }

  get stats(): PoolStats {
    const total = this.#total
    return { total, idle: this.#idle.length, busy: total - this.#idle.length, waiting: this.#waiting.size }
  }

  /**
   * The shared lane with the least in flight; another is opened behind the scenes while all of them are busy. Undefined
   * when each lane is held up by what is first in line and an exclusive one is to be had.
   */
  shared(): Connection | Promise<Connection> | undefined {
    if (this.#refusal) throw this.#refusal
    const lanes = [...this.#shared]
    const free = leastBusy(lanes.filter((lane) => lane.busyMs < heldUpMs))
    const best = free ?? leastBusy(lanes)
    if (!best) return this.#firstLane()
    if (!free && this.#hasRoom) return undefined
    if (best.inFlight > this.#limits.maxWaiting) throw this.#overloaded(best.inFlight)
    if (best.inFlight > 0 && this.#shared.size < this.#limits.sharedLanes && this.#total < this.#limits.max) {
      // A failure to grow is no failure of this statement, and the next one tries again.
      this.#openShared().catch(() => undefined)
    }
    return best
  }

  /** A connection for the caller alone, given back by `release`. */
  acquire(signal?: AbortSignal): Promise<Connection> {
    if (this.#refusal) return Promise.reject(this.#refusal)
    if (signal?.aborted) return Promise.reject(cancelled(signal))
    const idle = this.#idle.pop()
    if (idle) {
      this.#held.add(idle.connection)
      return Promise.resolve(idle.connection)
    }
    // Those for whom a connection is being opened, or may be, do not wait for anybody.
    const served = this.#room - this.#exclusive + this.#opening
    if (this.#waiting.size >= this.#limits.maxWaiting + served)
      return Promise.reject(this.#overloaded(this.#waiting.size))
    return this.#wait(signal)
  }

  /** Gives a connection back. Its holder has ended every transaction on it; a lost one just frees its slot. */
  release(connection: Connection): void {
    if (!this.#held.has(connection)) return
    // No holder may leave a transaction or a statement behind; whoever does loses the connection.
    if (connection.status !== 'I' || connection.inFlight > 0) connection.destroy(leftOpen())
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
    this.#closing.reject(refusal)
    for (const waiter of [...this.#waiting]) waiter.refuse(refusal)
    await this.#quiet(deadlineMs)
    const stop = async (connection: Connection): Promise<void> => {
      await connection.cancel()
      connection.destroy(refusal)
    }
    await Promise.all([...this.#held, ...this.#busyLanes()].map(stop))
    this.#isClosed = true
    await Promise.all(
      [...this.#idle.map((idle) => idle.connection), ...this.#shared].map((connection) => connection.close()),
    )
    this.#idle = []
    this.#shared.clear()
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
      const abort = (): void => waiter.refuse(cancelled(signal))
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
        connection.onLost(() => this.#forgetIdle(connection))
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
    const shared = Math.max(this.#shared.size, this.#limits.sharedLanes > 0 ? 1 : 0)
    return this.#limits.max - shared - (this.#openingShared && this.#shared.size > 0 ? 1 : 0)
  }

  get #hasRoom(): boolean {
    return this.#idle.length > 0 || (this.#waiting.size <= this.#opening && this.#exclusive < this.#room)
  }

  get #total(): number {
    return this.#exclusive + this.#shared.size + (this.#openingShared ? 1 : 0)
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

  #openShared(): Promise<Connection> {
    this.#openingShared ??= this.#open()
      .then((lane) => {
        if (this.#refusal) {
          void lane.close()
          throw this.#refusal
        }
        this.#shared.add(lane)
        lane.onLost(() => this.#shared.delete(lane))
        return lane
      })
      .finally(() => {
        this.#openingShared = undefined
      })
    return this.#openingShared
  }

  /** A lost connection that is held stays counted until its holder releases it. */
  #forgetIdle(connection: Connection): void {
    const before = this.#idle.length
    this.#idle = this.#idle.filter((idle) => idle.connection !== connection)
    if (this.#idle.length === before) return
    this.#exclusive--
    this.#openForWaiter()
  }

  #evictIdle(): void {
    const oldest = performance.now() - this.#limits.idleTimeoutMs
    const expired = this.#idle.filter((idle) => idle.since < oldest)
    this.#idle = this.#idle.filter((idle) => idle.since >= oldest)
    this.#exclusive -= expired.length
    for (const idle of expired) void idle.connection.close()
  }

  #busyLanes(): Connection[] {
    return [...this.#shared].filter((lane) => lane.inFlight > 0)
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
    const lanes = this.#busyLanes().map((lane) => lane.run([], deadlineMs).catch(() => undefined))
    const deadline = timer(deadlineMs)
    await Promise.race([Promise.all([lastReleased, ...lanes]), deadline.passed])
    deadline.clear()
  }

  async #firstLane(): Promise<Connection> {
    if (this.#waitingShared >= Math.max(1, this.#limits.maxWaiting)) throw this.#overloaded(this.#waitingShared)
    this.#waitingShared++
    try {
      return await this.#withinAcquireTimeout(this.#openShared())
    } finally {
      this.#waitingShared--
    }
  }

  async #withinAcquireTimeout(opening: Promise<Connection>): Promise<Connection> {
    const deadline = timer(this.#limits.acquireTimeoutMs)
    const tooLate = deadline.passed.then(() => Promise.reject(this.#timedOut()))
    try {
      return await Promise.race([opening, tooLate, this.#closing.promise])
    } finally {
      deadline.clear()
    }
  }

  #timedOut(): PlinthError {
    const { acquireTimeoutMs, max } = this.#limits
    const away = this.#whyAway()
    if (away) return away
    return new PlinthError(
      'PoolTimeout',
      `No connection became free within ${acquireTimeoutMs} ms: all ${this.#exclusive} are held.`,
      {
        phase: 'acquire',
        retryable: true,
        hint: `Shorten what runs inside transactions, or raise pool.max (now ${max}).`,
      },
    )
  }

  #overloaded(waiting: number): PlinthError {
    return new PlinthError(
      'PoolOverloaded',
      `${waiting} callers already wait for a connection; this one was refused at once.`,
      {
        phase: 'acquire',
        retryable: true,
        hint: 'The database is slower than its callers. Answer 503 and let them come back.',
      },
    )
  }
}

function cancelled(signal: AbortSignal | undefined): unknown {
  const cause: unknown = signal?.reason
  if (cause instanceof PlinthError) return cause
  return new PlinthError('Cancelled', 'The caller aborted while it waited for a connection.', {
    phase: 'acquire',
    cause,
  })
}

function leftOpen(): PlinthError {
  return new PlinthError(
    'ConnectionLost',
    'The connection was given back with a transaction or a statement still open.',
  )
}

function leastBusy(lanes: readonly Connection[]): Connection | undefined {
  return lanes.reduce<Connection | undefined>(
    (best, lane) => (best && best.inFlight <= lane.inFlight ? best : lane),
    undefined,
  )
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const item of set) return item
  return undefined
}

function timer(ms: number): { readonly passed: Promise<void>; clear(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const handle = setTimeout(resolve, ms)
  return { passed: promise, clear: () => clearTimeout(handle) }
}
