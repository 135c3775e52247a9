import { PlinthError } from '../errors.ts'
import { failureOf } from '../observe/failure.ts'
import { type DatabaseIdentity, isObserved, observe } from '../observe/observation.ts'
import { type Backoff, delayMs, pause, transactionBackoff } from './backoff.ts'
import { isInsideTransaction } from './context.ts'
import { wholeNumber } from './options.ts'
import type { IsolationLevel, RetryOptions } from './queryable.ts'
import type { RetryBudget } from './retry-budget.ts'
import { verdictOn } from './retry-policy.ts'

export interface RetryPolicy {
  readonly attempts: number
  readonly backoff: Backoff
  readonly retryable: ((error: unknown) => boolean) | undefined
}

const defaultPolicy: RetryPolicy = { attempts: 5, backoff: transactionBackoff, retryable: undefined }

export function readRetry(options: RetryOptions | undefined): RetryPolicy {
  if (options === undefined) return defaultPolicy
  const { attempts, baseMs, factor, capMs, retryable } = options
  if (factor !== undefined && !(factor >= 1 && factor <= 100))
    throw new PlinthError('InvalidOption', `retry.factor is ${factor}; it must be between 1 and 100.`)
  return {
    attempts: wholeNumber('retry.attempts', attempts ?? defaultPolicy.attempts, 1),
    backoff: {
      baseMs: wholeNumber('retry.baseMs', baseMs ?? transactionBackoff.baseMs, 0),
      factor: factor ?? transactionBackoff.factor,
      capMs: wholeNumber('retry.capMs', capMs ?? transactionBackoff.capMs, 0),
    },
    retryable,
  }
}

interface AttemptsOptions {
  readonly policy: RetryPolicy
  readonly budget: RetryBudget
  /** Time the caller has left; Infinity where it set none. */
  readonly leftMs: () => number
  readonly isolation?: IsolationLevel | undefined
  /** Of the server, which may be told only while the first attempt connects. */
  readonly defaults?: { readonly isolation?: IsolationLevel }
  readonly about: {
    readonly database: DatabaseIdentity
    readonly what: 'statement' | 'transaction'
    readonly transaction?: string
  }
  readonly random?: () => number
}

/**
 * The attempts of one call from its first failure on, and the only place that decides on another. Inside a
 * transaction's callback there is one attempt alone: the transaction around it is run again, and two layers of five
 * would make 25.
 */
export class Attempts {
  readonly #options: AttemptsOptions
  readonly #isInner = isInsideTransaction()
  #once = false
  #number = 1

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  /** Of the attempt that runs, from 1. */
  get number(): number {
    return this.#number
  }

  /**
   * Waits before the next attempt, or throws `error` when there is none. `signal`: the caller's, which ends the wait.
   */
  async next(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    const wait = signal?.aborted ? undefined : this.delayAfter(error)
    if (wait === undefined) throw error
    this.#observe(error, wait)
    if (wait > 0) await pause(wait, signal)
    if (signal?.aborted) throw error
  }

  /** In ms; undefined when the error stands. Counts the attempt and what it takes from the budget. */
  delayAfter(error: unknown): number | undefined {
    const { policy, budget, leftMs, isolation, defaults, random } = this.#options
    if (this.#number >= policy.attempts) return undefined
    const verdict = verdictOn(error, isolation ?? defaults?.isolation)
    if (verdict === 'at once') return this.#go(0)
    if (this.#isInner || !this.#mayRun(verdict, error)) return undefined
    const wait = delayMs(policy.backoff, this.#number, random)
    if (wait >= leftMs()) return undefined
    if (!budget.take()) {
      this.#observe(error)
      return undefined
    }
    return this.#go(wait)
  }

  /** Without `delayMs`: the budget refused. */
  #observe(error: unknown, delayMs?: number): void {
    const kind = delayMs === undefined ? 'retry.refused' : 'retry'
    if (!isObserved(kind)) return
    const { about } = this.#options
    const failure = failureOf(error)
    if (delayMs === undefined) observe({ kind: 'retry.refused', ...about, attempt: this.#number, failure })
    else observe({ kind: 'retry', ...about, attempt: this.#number - 1, delayMs, failure })
  }

  #mayRun(verdict: ReturnType<typeof verdictOn>, error: unknown): boolean {
    if (verdict === 'when asked') return this.#options.policy.retryable?.(error) === true
    if (verdict !== 'again once') return verdict === 'again'
    const isFirst = !this.#once
    this.#once = true
    return isFirst
  }

  #go(wait: number): number {
    this.#number++
    return wait
  }
}
