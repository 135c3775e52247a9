const windowMs = 10_000
const slots = 10
const share = 0.1

/**
 * A quiet service may run again this often in a window whatever its calls: it is what one restart of the server breaks
 * at a large pool, and under 100 calls a second the share would be less.
 */
const floor = 100

interface Slot {
  /** Number of the second it counts. */
  second: number
  calls: number
  retries: number
}

/**
 * Lets at most 10 % of the calls of the last 10 s run again, of one database and process. Where every call fails,
 * running each five times would be five times the load on a server that cannot carry one.
 */
export class RetryBudget {
  readonly #slots: Slot[] = Array.from({ length: slots }, () => ({ second: -1, calls: 0, retries: 0 }))
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  noteCall(): void {
    this.#current().calls++
  }

  /** True when one more may run again; it is counted then. */
  take(): boolean {
    const current = this.#current()
    const recent = this.#slots.filter(({ second }) => second > current.second - slots)
    const calls = recent.reduce((sum, slot) => sum + slot.calls, 0)
    const retries = recent.reduce((sum, slot) => sum + slot.retries, 0)
    if (retries >= Math.max(floor, calls * share)) return false
    current.retries++
    return true
  }

  #current(): Slot {
    const second = Math.floor(this.#now() / (windowMs / slots))
    const slot = this.#slots[second % slots] ?? { second, calls: 0, retries: 0 }
    if (slot.second !== second) Object.assign(slot, { second, calls: 0, retries: 0 })
    return slot
  }
}
