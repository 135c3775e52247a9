import { thisTurn, type Turn } from './turn.ts'

/** One of pg's own queries on its way: what the connection knows of it beside pg. See `Connection.submit`. */
export class Submission {
  readonly startedAt: number = performance.now()
  readonly startedIn: Turn = thisTurn()
  readonly limitMs: number
  readonly firstWithinMs: number | undefined
  /** Its rows and errors are pg's to tell. */
  readonly isHeard = false
  readonly serverError = undefined
  readonly #ended: (submission: Submission) => void
  readonly #settled = Promise.withResolvers<void>()

  constructor(limitMs: number, firstWithinMs: number | undefined, ended: (submission: Submission) => void) {
    this.limitMs = limitMs
    this.firstWithinMs = firstWithinMs
    this.#ended = ended
  }

  /** Resolves when the server is ready for the next query, and rejects when the connection is lost. */
  get ready(): Promise<void> {
    return this.#settled.promise
  }

  settle(): void {
    this.#ended(this)
    this.#settled.resolve()
  }

  settleFailure(lostCause: unknown): void {
    this.#ended(this)
    this.#settled.reject(lostCause)
  }
}
