import type { Interruption } from '../driver/interruption.ts'
import { PlinthError } from '../errors.ts'
import type { TransactionOptions } from './queryable.ts'
import { wholeMs } from './statement.ts'

const defaultTimeoutMs = 30_000

/** The time a transaction has for all its attempts, and its caller's own signal. */
export class Deadline implements Interruption {
  readonly at: number
  readonly #pastTime: () => PlinthError
  readonly #timer: NodeJS.Timeout
  readonly #listeners = new Set<() => void>()
  readonly #detach: (() => void) | undefined
  #reason: PlinthError | undefined
  /** Made for whoever asks for `signal`. */
  #controller: AbortController | undefined

  constructor(name: string, options: TransactionOptions) {
    const timeoutMs = wholeMs(options.timeoutMs ?? defaultTimeoutMs)
    this.at = performance.now() + timeoutMs
    // The connection keeps the process alive while there is one; a callback that never ends must not after close().
    this.#timer = setTimeout(() => this.#pass(this.#pastTime()), timeoutMs).unref()
    this.#pastTime = () => timedOut(name, timeoutMs)
    const { signal } = options
    if (!signal) return
    const abort = (): void => this.#pass(cancelled(name, signal.reason))
    signal.addEventListener('abort', abort)
    this.#detach = () => signal.removeEventListener('abort', abort)
    if (signal.aborted) abort()
  }

  /**
   * By the clock and not by the timer alone: a process that was not run for a while hears the server's own time limit,
   * which is 100 ms longer, before its timer goes off.
   */
  get aborted(): boolean {
    return this.reason !== undefined
  }

  /** Why it ended; undefined before. */
  get reason(): PlinthError | undefined {
    if (!this.#reason && performance.now() >= this.at) this.#pass(this.#pastTime())
    return this.#reason
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    const { reason } = this
    if (reason) this.#controller.abort(reason)
    return this.#controller.signal
  }

  throwIfAborted(): void {
    const { reason } = this
    if (reason) throw reason
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#detach?.()
  }

  #pass(reason: PlinthError): void {
    if (this.#reason) return
    this.#reason = reason
    this.#controller?.abort(reason)
    for (const listener of [...this.#listeners]) listener()
  }
}

function timedOut(name: string, timeoutMs: number): PlinthError {
  return new PlinthError('TransactionTimeout', `"${name}" was rolled back: it had not ended after ${timeoutMs} ms.`, {
    transaction: name,
    hint: 'Do the slow part outside the transaction, or give it a larger timeoutMs.',
  })
}

function cancelled(name: string, cause: unknown): PlinthError {
  return new PlinthError('Cancelled', `"${name}" was rolled back: its caller aborted.`, { transaction: name, cause })
}

/** Rejects when `limit` passes although `work` has not settled: a callback that hangs must not hold its connection. */
export function untilDeadline<R>(work: Promise<R>, limit: Interruption): Promise<R> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(limit.reason)
    limit.addEventListener('abort', abort)
    const settle = (how: () => void): void => {
      limit.removeEventListener('abort', abort)
      how()
    }
    // Not every caller is type-checked: a callback may return what is no promise, or only looks like one.
    Promise.resolve(work).then(
      (result) => settle(() => resolve(result)),
      (error: unknown) => settle(() => reject(error)),
    )
    if (limit.aborted) abort()
  })
}

/** Rejects with `late` when `work` has not settled after `ms`. */
export async function within<R>(work: Promise<R>, ms: number, late: PlinthError): Promise<R> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(late), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
    work.catch(() => undefined)
  }
}
