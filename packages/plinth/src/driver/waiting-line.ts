import type { PlinthError } from '../errors.ts'
import type { Connection } from './connection.ts'
import type { Holder } from './holders.ts'
import type { Interruption } from './interruption.ts'
import { removeFrom } from './membership.ts'
import { cancelledWaiting } from './pool-errors.ts'

export interface Waiter {
  readonly holder: Holder
  readonly since: number
  /** Holders whose callback asked for this connection, and so cannot end before it gets one. */
  readonly inside: ReadonlySet<object>
  give(connection: Connection): void
  refuse(error: unknown): void
}

interface WaitOptions {
  readonly holder: Holder
  readonly inside: ReadonlySet<object>
  readonly signal: Interruption | undefined
  readonly limitMs: number
  readonly timedOut: () => PlinthError
}

/** The callers that wait for a connection, first come, first served. Each leaves at its time limit at the latest. */
export class WaitingLine {
  readonly #waiters: Waiter[] = []

  get size(): number {
    return this.#waiters.length
  }

  get oldestMs(): number {
    const oldest = this.first
    return oldest ? performance.now() - oldest.since : 0
  }

  get first(): Waiter | undefined {
    return this.#waiters[0]
  }

  /** Oldest first. */
  get all(): Waiter[] {
    return [...this.#waiters]
  }

  wait({ holder, inside, signal, limitMs, timedOut }: WaitOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        removeFrom(this.#waiters, waiter)
      }
      const waiter: Waiter = {
        holder,
        inside,
        since: performance.now(),
        give: (connection) => {
          end()
          resolve(connection)
        },
        refuse: (error) => {
          end()
          reject(error)
        },
      }
      const abort = (): void => waiter.refuse(cancelledWaiting(signal))
      const timer = setTimeout(() => waiter.refuse(timedOut()), limitMs)
      this.#waiters.push(waiter)
      signal?.addEventListener('abort', abort)
    })
  }
}
