import type { PlinthError } from '../errors.ts'
import type { TransactionRef } from '../observe/observation.ts'
import type { PoolCounts } from '../observe/pool-counts.ts'
import { watchWait } from '../observe/watch.ts'
import type { Connection } from './connection.ts'
import { asOpened } from './lane-settings.ts'
import { type Holder, Holders } from './holders.ts'
import { deadlockVictim } from './deadlock-victim.ts'
import { IdleLanes } from './idle-lanes.ts'
import type { Interruption } from './interruption.ts'
import { Leaving } from './leaving.ts'
import { acquireTimedOut, cancelledWaiting, leftOpen, overloaded, selfDeadlock } from './pool-errors.ts'
import type { PoolLimits, PoolOptions } from './pool-options.ts'
import { Refill } from './refill.ts'
import { SharedLanes } from './shared-lanes.ts'
import { RepeatedLook, startTimer } from './timer.ts'
import { WaitingLine } from './waiting-line.ts'

/** Time for DISCARD ALL. */
const resetLimitMs = 5000
/** How often those who wait inside a holder's callback are looked at, and how long all holders must have been idle. */
const deadlockLookMs = 250
/** How often idle lanes and holders are looked at, at most and at least. */
const [shortestLookMs, longestLookMs] = [50, 500]

type IsLeft = (connection: Connection) => boolean

/**
 * The connections of one database. Exclusive lanes belong to one holder at a time (transactions, sessions); shared
 * lanes carry the single statements of everybody, pipelined. Each lane counts towards `max`.
 *
 * | a lane is | counted in | leaves by |
 * |---|---|---|
 * | opening | #exclusive, #opening | opened, or failed: its slot goes to the next waiter |
 * | held | #exclusive, #holders | release, or lost |
 * | idle | #exclusive, #idle | acquire (last in, first out), idle timeout, lifetime, lost |
 * | shared | #shared | see SharedLanes |
 */
export class Pool {
  readonly #options: PoolOptions
  readonly #limits: PoolLimits
  readonly #holders: Holders
  readonly #shared: SharedLanes
  /** Each with what it is left by when it is open. */
  readonly #onTheirWay = new Set<{ isLeft: IsLeft }>()
  readonly #waiting = new WaitingLine()
  readonly #idle = new IdleLanes()
  readonly #leaving = new Leaving()
  readonly #lookTimer: NodeJS.Timeout
  readonly #deadlockLooks = new RepeatedLook(deadlockLookMs, () => this.#lookForDeadlock())
  #exclusive = 0
  readonly #opening = new Set<Promise<void>>()
  #warm = 0
  readonly #refill = new Refill()
  #refusal: PlinthError | undefined
  #isClosed = false
  #whenReleased: () => void = () => undefined

  constructor(options: PoolOptions) {
    const { limits, identity } = options
    this.#options = options
    this.#limits = limits
    this.#holders = new Holders(identity, limits.leakAfterMs)
    const { sharedLanes: max, maxWaiting, acquireTimeoutMs } = limits
    const timedOut = (): PlinthError => this.#timedOut()
    const open = (): Promise<Connection> => this.#open()
    this.#shared = new SharedLanes({ open, leaving: this.#leaving, max, maxWaiting, acquireTimeoutMs, timedOut })
    const lookMs = Math.min(longestLookMs, limits.idleTimeoutMs / 2, limits.leakAfterMs / 2, limits.lifetimeMs / 2)
    this.#lookTimer = setInterval(() => this.#look(), Math.max(shortestLookMs, lookMs)).unref()
  }

  /**
   * A lane to share, for a quick statement that can wait for nothing; best one with the settings of `key`. Undefined
   * when an exclusive one serves better: the shared ones are held up, and there is room.
   */
  shared(key: string): Connection | Promise<Connection> | undefined {
    const lane = this.#shared.pick(key, this.#total < this.#limits.max, this.hasRoom)
    return lane instanceof Promise ? watchWait(lane, this.#options.identity) : lane
  }

  /** A connection for `holder` alone, given back by `release`. `transaction`: for whom, as telemetry tells it. */
  async acquire(holder: Holder, signal?: Interruption, transaction?: TransactionRef): Promise<Connection> {
    for (;;) {
      const connection = await this.acquireAs(asOpened.key, holder, signal, transaction)
      if (connection.settingsKey === asOpened.key || (await this.#resetSettings(connection))) return connection
      this.release(connection)
    }
  }

  /** The same, whatever settings its session has; best those of `key`. */
  async acquireAs(
    key: string,
    holder: Holder,
    signal?: Interruption,
    transaction?: TransactionRef,
  ): Promise<Connection> {
    if (this.#refusal) throw this.#refusal
    if (signal?.aborted) throw cancelledWaiting(signal)
    const idle = this.#idle.take(key)
    if (idle) {
      this.#holders.add(idle, holder)
      return idle
    }
    // Those for whom a connection is being opened, or may be, do not wait for anybody.
    const served = this.#room - this.#exclusive + this.#opening.size
    if (this.#waiting.size >= this.#limits.maxWaiting + served) throw overloaded(this.#waiting.size)
    return watchWait(this.#wait(holder, signal), this.#options.identity, transaction)
  }

  /** False for one that died of it. */
  async #resetSettings(connection: Connection): Promise<boolean> {
    try {
      await connection.resetSettings(resetLimitMs)
      return true
    } catch (failure) {
      connection.destroy(failure)
      return false
    }
  }

  get counts(): PoolCounts {
    const busy = this.#holders.size + this.#shared.busy.length
    const total = this.#total
    return {
      max: this.#limits.max,
      total,
      idle: total - busy - this.#opening.size - (this.#shared.isOpening ? 1 : 0),
      busy,
      waiting: this.#waiting.size,
      oldestWaitMs: this.#waiting.oldestMs,
      leaks: this.#holders.leaks,
    }
  }

  /** Gives a connection back. Its holder has ended every transaction on it; a lost one just frees its slot. */
  release(connection: Connection): void {
    if (!this.#holders.has(connection)) return
    // No holder may leave a transaction or a statement behind; whoever does loses the connection.
    if (connection.status !== 'I' || connection.inFlight > 0) {
      this.#holders.noteLeftOpen(connection)
      connection.destroy(leftOpen())
    }
    if (connection.isLost || !connection.needsReset) return this.#releaseClean(connection)
    connection
      .reset(resetLimitMs)
      .catch((failure: unknown) => connection.destroy(failure))
      .finally(() => this.#releaseClean(connection))
  }

  /**
   * From now on keeps `warm` connections. Resolves when they are open or could not be, at the latest after `limitMs`.
   */
  async keepWarm(limitMs: number): Promise<void> {
    this.#warm = this.#limits.warm
    const timer = startTimer(Math.max(0, limitMs))
    await Promise.race([Promise.all(this.#openWarm()), timer.passed])
    timer.clear()
  }

  /** Gives up what nobody uses and was opened before `moment` (performance.now()). */
  dropOpenedBefore(moment: number): void {
    this.#dropIdle((connection) => connection.openedAt <= moment)
  }

  /**
   * Gives up those that are `left`, the ones in use when they are given back and those on their way when they are open:
   * another server is to be used.
   */
  leave(isLeft: IsLeft): void {
    for (const one of this.#onTheirWay) {
      const { isLeft: isLeftAlready } = one
      one.isLeft = (connection) => isLeftAlready(connection) || isLeft(connection)
    }
    this.#dropIdle(isLeft)
    for (const used of [...this.#holders.connections, ...this.#shared.busy]) if (isLeft(used)) used.retireAt = 0
  }

  /** Refuses new work and waiters, resolves when nothing is held or in flight, then says goodbye to the server. */
  async close(refusal: PlinthError, deadlineMs: number): Promise<void> {
    this.#refusal = refusal
    clearInterval(this.#lookTimer)
    this.#deadlockLooks.end()
    this.#shared.refuse(refusal)
    for (const waiter of this.#waiting.all) waiter.refuse(refusal)
    await this.#quiet(deadlineMs)
    const stop = async (connection: Connection): Promise<void> => {
      if (connection.committing === undefined) await connection.cancel()
      connection.destroy(refusal)
    }
    await Promise.all([...this.#holders.connections, ...this.#shared.busy].map(stop))
    this.#isClosed = true
    this.#giveUp(this.#idle.takeAll())
    // A connection that is opened only now finds the pool closed, and leaves.
    await Promise.all([this.#shared.close(), ...this.#opening])
    await this.#leaving.done()
  }

  #dropIdle(isLeft: (connection: Connection) => boolean): void {
    this.#giveUp(this.#idle.takeWhere(isLeft))
    this.#shared.retire(isLeft)
  }

  #releaseClean(connection: Connection): void {
    if (!this.#holders.delete(connection)) return
    this.#giveOrKeep(connection)
    this.#whenReleased()
  }

  async #open(): Promise<Connection> {
    const onItsWay = { isLeft: (_: Connection): boolean => false }
    this.#onTheirWay.add(onItsWay)
    const opening = this.#options.open().finally(() => this.#onTheirWay.delete(onItsWay))
    const connection = await opening.catch((error: unknown) => {
      this.#refill.noteFailure()
      throw error
    })
    this.#refill.noteSuccess()
    if (onItsWay.isLeft(connection)) {
      this.#leaving.add(connection)
      return this.#open()
    }
    connection.onLost(() => {
      // The others may be as dead, and say so only to whoever uses them next.
      if (connection.endsOthers) this.dropOpenedBefore(performance.now())
    })
    connection.retireAt = performance.now() + this.#limits.lifetimeMs * (1 - Math.random() / 10)
    return connection
  }

  #wait(holder: Holder, signal: Interruption | undefined): Promise<Connection> {
    const inside = this.#options.enclosing()
    const limitMs = this.#limits.acquireTimeoutMs
    const given = this.#waiting.wait({ holder, inside, signal, limitMs, timedOut: () => this.#timedOut() })
    this.#openForWaiter()
    if (inside.size > 0) this.#deadlockLooks.begin()
    return given
  }

  #openForWaiter(): void {
    if (this.#waiting.size > this.#opening.size) void this.#openExclusive()
  }

  #openWarm(): Promise<void>[] {
    const opened: Promise<void>[] = []
    if (this.#warm > this.#total && this.#shared.size === 0 && this.#limits.sharedLanes > 0)
      opened.push(this.#shared.open())
    while (this.#total < this.#warm) {
      const one = this.#openExclusive()
      if (!one) break
      opened.push(one)
    }
    return opened
  }

  /** Undefined where there is no room for another one. */
  #openExclusive(): Promise<void> | undefined {
    if (this.#exclusive >= this.#room || this.#refusal) return undefined
    this.#exclusive++
    const opening = this.#open().then(
      (connection) => {
        this.#opening.delete(opening)
        connection.onLost(() => this.#forgetIdle(connection))
        this.#giveOrKeep(connection)
      },
      (error) => {
        this.#opening.delete(opening)
        this.#exclusive--
        this.#refuseAfter(error)
        this.#openForWaiter()
      },
    )
    this.#opening.add(opening)
    return opening
  }

  /** What failed for one fails for all, unless a connection is left that somebody will give back. */
  #refuseAfter(error: unknown): void {
    const waiters = this.#waiting.all
    const refused = this.#exclusive === this.#opening.size ? waiters : waiters.slice(0, 1)
    for (const waiter of refused) waiter.refuse(error)
  }

  /** Exclusive lanes there may be: all but the shared ones, of which one always has its place. */
  get #room(): number {
    return this.#limits.max - Math.max(this.#shared.size, Math.min(1, this.#limits.sharedLanes))
  }

  /** True when `acquire` gives a connection without waiting for another holder. */
  get hasRoom(): boolean {
    return this.#idle.size > 0 || (this.#waiting.size <= this.#opening.size && this.#exclusive < this.#room)
  }

  get #total(): number {
    return this.#exclusive + this.#shared.size
  }

  #giveOrKeep(connection: Connection): void {
    if (connection.isLost) {
      this.#exclusive--
      return this.#openForWaiter()
    }
    if (this.#isClosed || connection.retireAt <= performance.now()) {
      this.#giveUp([connection])
      return this.#openForWaiter()
    }
    const waiter = this.#waiting.first
    if (!waiter) return this.#idle.put(connection)
    this.#holders.add(connection, waiter.holder)
    waiter.give(connection)
  }

  #giveUp(connections: readonly Connection[]): void {
    this.#exclusive -= connections.length
    for (const connection of connections) this.#leaving.add(connection)
  }

  /** A lost connection that is held stays counted until its holder releases it. */
  #forgetIdle(connection: Connection): void {
    if (!this.#idle.remove(connection)) return
    this.#exclusive--
    this.#openForWaiter()
  }

  #look(): void {
    this.#holders.look()
    this.#giveUp(this.#idle.expired(this.#limits.idleTimeoutMs, this.#warm - this.#shared.size))
    const now = performance.now()
    this.#shared.retire((lane) => lane.retireAt <= now)
    if (this.#refill.isDue) void this.#openWarm()
  }

  /** True while somebody waits inside a holder's callback. */
  #lookForDeadlock(): boolean {
    if (this.#opening.size === 0 && this.#holders.size >= this.#room) {
      const victim = deadlockVictim(this.#holders.allIdleFor(deadlockLookMs), this.#waiting.all)
      victim?.refuse(selfDeadlock(victim.holder.name, this.#holders.describe(), this.#limits.max))
    }
    return this.#waiting.all.some(({ inside }) => inside.size > 0)
  }

  /** Resolves when nothing is held or in flight, at the latest at the deadline. */
  async #quiet(deadlineMs: number): Promise<void> {
    const lastReleased = new Promise<void>((resolve) => {
      this.#whenReleased = () => {
        if (this.#holders.size === 0) resolve()
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
    const { acquireTimeoutMs, max } = this.#limits
    return this.#options.whyAway() ?? acquireTimedOut(acquireTimeoutMs, this.#holders.describe(), max)
  }
}
