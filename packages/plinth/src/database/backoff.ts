import { timerMs } from '../driver/timer.ts'

/**
 * Full jitter: a delay anywhere between 0 and the exponential step, so that callers who failed together do not return
 * together.
 */
export interface Backoff {
  readonly baseMs: number
  readonly factor: number
  readonly capMs: number
}

/** Re-running a transaction: conflicts clear within the other transaction's length. */
export const transactionBackoff: Backoff = { baseMs: 10, factor: 2, capMs: 1000 }

/** Reconnecting: a server restarts in seconds. */
export const connectBackoff: Backoff = { baseMs: 200, factor: 2, capMs: 10_000 }

/**
 * While callers wait for the connection: they are at work again within 3 s of the server's return, and one attempt in
 * 1 s on average, for the whole process, is no storm. With the other, `npm run faults` saw 5.7 and 7.7 s.
 */
export const urgentBackoff: Backoff = { ...connectBackoff, capMs: 2000 }

/**
 * A host whose name is not known: of a container that is just starting it is soon, of a misspelt one never. After this
 * time those who wait are refused, and the next caller begins anew.
 */
export const unknownHostPatienceMs = 5000

/** Delay before attempt `attempt + 1`, in ms; `attempt` counts from 1. */
export function delayMs(backoff: Backoff, attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(backoff.capMs, backoff.baseMs * backoff.factor ** (attempt - 1))
}

/**
 * Waits, or ends early when `signal` aborts; then it resolves too: the caller looks at its own signal. In the
 * background it keeps no process alive.
 */
export function pause(ms: number, signal?: AbortSignal, isBackground = false): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, timerMs(ms))
    if (isBackground) timer.unref()
    signal?.addEventListener('abort', end)
    if (signal?.aborted) end()
  })
}
