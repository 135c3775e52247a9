import type { Connection, RunOptions } from '../driver/connection.ts'
import { closedError } from './availability-errors.ts'
import { openingGraceMs } from './openings.ts'
import type { Statement, StepAnswer } from '../driver/exchange.ts'

/**
 * Between two uses that follow each other, as after an outage, it is kept; otherwise the server has one less to hold.
 */
const idleMs = 10_000

/**
 * One connection beyond the pool's `max`, for what must be asked while the pool is full or just lost its connections:
 * whether a COMMIT was applied, and how the server is. Opened on demand and straight, without the backoff others wait
 * in; its users share it, since each asks by single exchanges, which are answered in order.
 */
export class ReservedConnection {
  readonly #open: (signal: AbortSignal) => Promise<Connection>
  readonly #cut = new AbortController()
  #current: Promise<Connection> | undefined
  #idle: NodeJS.Timeout | undefined
  #dropped: Promise<void> = Promise.resolve()
  #isClosed = false
  #users = 0

  constructor(open: (signal: AbortSignal) => Promise<Connection>) {
    this.#open = open
  }

  /**
   * Sends `statements` under one Sync. Rejects with an `ExchangeFailure`, or with why no connection could be opened.
   * A connection without an answer after `firstWithinMs` is half open, and given up.
   */
  async run(
    statements: readonly Statement[],
    limitMs: number,
    { firstWithinMs = limitMs }: Pick<RunOptions, 'firstWithinMs'> = {},
  ): Promise<readonly StepAnswer[]> {
    clearTimeout(this.#idle)
    this.#users++
    try {
      const connection = await this.#connection()
      const patienceMs = Math.max(firstWithinMs, connection.pooler?.patienceMs ?? 0)
      return await connection.run(statements, limitMs, { firstWithinMs: patienceMs })
    } finally {
      if (--this.#users === 0) this.#closeLater()
    }
  }

  /** For good: what is asked later is refused. */
  async close(): Promise<void> {
    this.#isClosed = true
    const late = setTimeout(() => this.#cut.abort(), openingGraceMs)
    this.#drop()
    await this.#dropped
    clearTimeout(late)
  }

  /** One after the other, so that the last is gone when all are. */
  #drop(): void {
    clearTimeout(this.#idle)
    const current = this.#current
    this.#current = undefined
    const gone = current?.then(
      (connection) => connection.close(),
      () => undefined,
    )
    this.#dropped = this.#dropped.then(() => gone)
  }

  /** One attempt at a time, which all wait for; a failed one is forgotten, so that the next caller tries anew. */
  #connection(): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(closedError())
    this.#current ??= this.#open(this.#cut.signal).then(
      (connection) => {
        connection.onLost(() => this.#forget())
        return connection
      },
      (error: unknown) => {
        this.#forget()
        throw error
      },
    )
    return this.#current
  }

  #forget(): void {
    this.#current = undefined
  }

  #closeLater(): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.#drop(), idleMs).unref()
  }
}
