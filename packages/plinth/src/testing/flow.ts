/** What a network does to the bytes of one direction. */
export interface Conditions {
  /** Each packet arrives this much later. */
  readonly delayMs: number
  /** And by a random time up to this, without overtaking an earlier packet. */
  readonly jitterMs: number
  /** What the line carries; 0 for no limit. */
  readonly bytesPerSecond: number
  /** Nothing arrives; what was sent meanwhile does when this ends, as TCP sends lost packets again. */
  readonly isHeld: boolean
}

interface Due {
  readonly at: number
  readonly deliver: () => void
}

/** One direction of one connection: what goes in comes out in order, late as the conditions say. */
export class Flow {
  readonly #conditions: () => Conditions
  readonly #random: () => number
  readonly #queue: Due[] = []
  #timer: NodeJS.Timeout | undefined
  #lastAt = 0

  constructor(conditions: () => Conditions, random: () => number) {
    this.#conditions = conditions
    this.#random = random
  }

  /** Also for the end of a connection (0 bytes), which must not overtake its last packet. */
  send(bytes: number, deliver: () => void): void {
    const { delayMs, jitterMs, bytesPerSecond, isHeld } = this.#conditions()
    const now = performance.now()
    const lateMs = delayMs + jitterMs * this.#random()
    if (lateMs === 0 && bytesPerSecond === 0 && !isHeld && this.#queue.length === 0) return deliver()
    const carryMs = bytesPerSecond === 0 ? 0 : (bytes / bytesPerSecond) * 1000
    this.#lastAt = Math.max(this.#lastAt, now + lateMs) + carryMs
    this.#queue.push({ at: this.#lastAt, deliver })
    this.#deliverDue()
  }

  /** The conditions have changed: what is no longer held goes on. */
  resume(): void {
    this.#deliverDue()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#queue.length = 0
  }

  #deliverDue(): void {
    clearTimeout(this.#timer)
    while (!this.#conditions().isHeld) {
      const next = this.#queue[0]
      if (!next) return
      const waitMs = next.at - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#deliverDue(), waitMs)
        return
      }
      this.#queue.shift()
      next.deliver()
    }
  }
}
