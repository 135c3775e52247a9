/** Between tries to open warm connections that all failed: doubled each time. */
const [firstWaitMs, longestWaitMs] = [1000, 30_000]

/** When the pool may open warm connections: a role that may no longer log in must not be tried for ever. */
export class Refill {
  #waitMs = 0
  #dueAt = 0

  get isDue(): boolean {
    return performance.now() >= this.#dueAt
  }

  noteSuccess(): void {
    this.#waitMs = 0
    this.#dueAt = 0
  }

  /** Of attempts that failed together the first counts. */
  noteFailure(): void {
    if (!this.isDue) return
    this.#waitMs = Math.min(longestWaitMs, Math.max(firstWaitMs, this.#waitMs * 2))
    this.#dueAt = performance.now() + this.#waitMs
  }
}
