import type { PlinthError } from '../errors.ts'
import type { Connection } from './connection.ts'
import type { Leaving } from './leaving.ts'
import { overloaded } from './pool-errors.ts'
import { startTimer } from './timer.ts'

export interface SharedLanesOptions {
  readonly open: () => Promise<Connection>
  readonly leaving: Leaving
  /** Lanes at most, 0 to 4. */
  readonly max: number
  /** In flight on one lane, or waiting for the first one, at most. */
  readonly maxWaiting: number
  readonly acquireTimeoutMs: number
  readonly timedOut: () => PlinthError
}

/** A lane whose first in line has run for this long is passed over. */
const heldUpMs = 5

/** The pipelined connections that carry everybody's quick reads. A lane leaves by being lost, or by `close`. */
export class SharedLanes {
  readonly #options: SharedLanesOptions
  readonly #lanes = new Set<Connection>()
  readonly #closing = Promise.withResolvers<never>()
  #opening: Promise<Connection> | undefined
  #waiting = 0
  #refusal: PlinthError | undefined

  constructor(options: SharedLanesOptions) {
    this.#options = options
    // Nobody may be waiting when the lanes close.
    this.#closing.promise.catch(() => undefined)
  }

  /** Connections of the pool that are lanes or become one. */
  get size(): number {
    return this.#lanes.size + (this.#opening ? 1 : 0)
  }

  get isOpening(): boolean {
    return this.#opening !== undefined
  }

  get busy(): Connection[] {
    return [...this.#lanes].filter((lane) => lane.inFlight > 0)
  }

  /**
   * The lane with the least in flight, of those with the settings of `key` where there are; with `mayGrow` another is
   * opened behind the scenes while all of them are busy. Undefined when each lane is held up by what is first in line
   * and the caller `hasOther` connections to take.
   */
  pick(key: string, mayGrow: boolean, hasOther: boolean): Connection | Promise<Connection> | undefined {
    if (this.#refusal) throw this.#refusal
    const lanes = [...this.#lanes]
    const free = leastBusy(
      lanes.filter((lane) => lane.busyMs < heldUpMs),
      key,
    )
    const best = free ?? leastBusy(lanes, key)
    if (!best) return this.#first()
    if (!free && hasOther) return undefined
    if (best.inFlight > this.#options.maxWaiting) throw overloaded(best.inFlight)
    if (best.inFlight > 0 && mayGrow && this.size < this.#options.max) void this.open()
    return best
  }

  /** Opens another one behind the scenes. */
  async open(): Promise<void> {
    // A failure to grow is no failure of any statement, and the next one tries again.
    await this.#open().catch(() => undefined)
  }

  /** Closes the lanes that are `due`, and idle; those at work go at a later look. */
  retire(due: (lane: Connection) => boolean): void {
    for (const lane of [...this.#lanes].filter((one) => one.inFlight === 0 && due(one))) {
      this.#lanes.delete(lane)
      this.#options.leaving.add(lane)
    }
  }

  /** From now on nothing is picked, and whoever waits for the first lane is refused. */
  refuse(refusal: PlinthError): void {
    this.#refusal = refusal
    this.#closing.reject(refusal)
  }

  /** Resolves when none is being opened; those there were are leaving. */
  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined)
    for (const lane of this.#lanes) this.#options.leaving.add(lane)
    this.#lanes.clear()
  }

  #open(): Promise<Connection> {
    this.#opening ??= this.#options
      .open()
      .then((lane) => {
        if (this.#refusal) {
          this.#options.leaving.add(lane)
          throw this.#refusal
        }
        this.#lanes.add(lane)
        lane.onLost(() => this.#lanes.delete(lane))
        return lane
      })
      .finally(() => {
        this.#opening = undefined
      })
    return this.#opening
  }

  async #first(): Promise<Connection> {
    const { maxWaiting, acquireTimeoutMs, timedOut } = this.#options
    if (this.#waiting >= Math.max(1, maxWaiting)) throw overloaded(this.#waiting)
    this.#waiting++
    const deadline = startTimer(acquireTimeoutMs)
    const tooLate = deadline.passed.then(() => Promise.reject(timedOut()))
    try {
      return await Promise.race([this.#open(), tooLate, this.#closing.promise])
    } finally {
      deadline.clear()
      this.#waiting--
    }
  }
}

/** A lane of other settings takes three statements more, which is as much as waiting behind a few others. */
const otherSettings = 4

function leastBusy(lanes: readonly Connection[], key: string): Connection | undefined {
  let best: Connection | undefined
  let least = Infinity
  for (const lane of lanes) {
    const load = lane.inFlight + (lane.settingsKey === key ? 0 : otherSettings)
    if (load < least) [best, least] = [lane, load]
  }
  return best
}
