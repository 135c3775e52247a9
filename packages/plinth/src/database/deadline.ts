import { PlinthError } from '../errors.ts'
import type { TransactionOptions } from './queryable.ts'
import { wholeMs } from './statement.ts'

const defaultTimeoutMs = 30_000

/** The time a transaction has for all its attempts, and its caller's own signal. */
export class Deadline {
  readonly at: number
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #detach: () => void

  constructor(name: string, options: TransactionOptions) {
    const timeoutMs = wholeMs(options.timeoutMs ?? defaultTimeoutMs)
    this.at = performance.now() + timeoutMs
    this.#timer = setTimeout(() => this.#controller.abort(timedOut(name, timeoutMs)), timeoutMs)
    // The connection keeps the process alive while there is one; a callback that never ends must not after close().
    this.#timer.unref()
    const { signal } = options
    const abort = (): void => this.#controller.abort(cancelled(name, signal?.reason))
    signal?.addEventListener('abort', abort)
    this.#detach = () => signal?.removeEventListener('abort', abort)
    if (signal?.aborted) abort()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#detach()
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

/**
 * Rejects when the signal aborts although `work` has not settled: a callback that hangs must not hold its connection.
 */
export function untilDeadline<R>(work: Promise<R>, signal: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort)
    // Not every caller is type-checked: a callback may return what is no promise, or only looks like one.
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort))
    if (signal.aborted) abort()
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
