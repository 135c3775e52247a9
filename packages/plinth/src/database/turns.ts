import { PlinthError } from '../errors.ts'

/** Statements of one connection that may be asked for and not answered. */
const mostAtOnce = 10_000

interface Waiting {
  readonly isExclusive: boolean
  readonly start: () => void
}

/**
 * Whose work may use one connection now, in the order of asking. Shared work runs beside other shared work, its
 * statements pipelined. Exclusive work has nothing beside it: a transaction of a session, a script, and each statement
 * that may be cancelled, for a cancel ends whatever the connection is running.
 */
export class Turns {
  readonly #waiting: Waiting[] = []
  #running = 0
  #isExclusive = false

  /** Nobody awaits so much at a time on purpose, and each is held in memory. */
  refuseIfFull(): void {
    if (this.#running + this.#waiting.length < mostAtOnce) return
    throw new PlinthError('InvalidOperation', `${mostAtOnce} statements on one connection have no answer yet.`, {
      hint: 'Await some before you send more, or write many rows in one statement: insert a list, or use unnest().',
    })
  }

  /** Calls `work` at once where nothing is in its way. */
  shared<R>(work: () => Promise<R>): Promise<R> {
    return this.take(false, () => this.#leaving(work))
  }

  exclusive<R>(work: () => Promise<R>): Promise<R> {
    return this.take(true, () => this.#leaving(work))
  }

  /** As `shared` and `exclusive`, for work that calls `leave` itself when it ends: one promise less for each. */
  take<R>(isExclusive: boolean, work: () => Promise<R>): Promise<R> {
    if (this.#waiting.length === 0 && this.#fits(isExclusive)) return this.#start(isExclusive, work)
    return new Promise((resolve) => {
      this.#waiting.push({ isExclusive, start: () => resolve(this.#start(isExclusive, work)) })
    })
  }

  leave(): void {
    this.#running--
    this.#isExclusive = false
    this.#startNext()
  }

  #start<R>(isExclusive: boolean, work: () => Promise<R>): Promise<R> {
    this.#running++
    this.#isExclusive = isExclusive
    return work()
  }

  async #leaving<R>(work: () => Promise<R>): Promise<R> {
    try {
      return await work()
    } finally {
      this.leave()
    }
  }

  #startNext(): void {
    for (;;) {
      const [next] = this.#waiting
      if (!next || !this.#fits(next.isExclusive)) return
      this.#waiting.shift()
      next.start()
    }
  }

  #fits(isExclusive: boolean): boolean {
    return this.#running === 0 || !(isExclusive || this.#isExclusive)
  }
}
