import { removeFrom } from '../driver/membership.ts'

/** What `health()` tells about transactions. */
export interface TransactionHealth {
  readonly open: number
  readonly oldestMs: number
  /** Open, and not at a statement just now. */
  readonly idleInTransaction: number
  /** Since the database was made, as are the next two. */
  readonly retries: number
  /** COMMITs whose answer was lost, and of which the server could tell what became of them. */
  readonly commitsResolved: number
  readonly commitsUnknown: number
}

interface Counted {
  readonly since: number
  readonly isIdle: boolean
}

/** The open transactions of one database, and what has become of earlier ones. */
export class TransactionCounts {
  /** In the order in which they began. */
  readonly #open: Counted[] = []
  retries = 0
  commitsResolved = 0
  commitsUnknown = 0

  add(transaction: Counted): void {
    this.#open.push(transaction)
  }

  remove(transaction: Counted): void {
    removeFrom(this.#open, transaction)
  }

  read(): TransactionHealth {
    const { retries, commitsResolved, commitsUnknown } = this
    const [oldest] = this.#open
    return {
      open: this.#open.length,
      oldestMs: oldest ? Math.round(performance.now() - oldest.since) : 0,
      idleInTransaction: this.#open.filter(({ isIdle }) => isIdle).length,
      retries,
      commitsResolved,
      commitsUnknown,
    }
  }
}
