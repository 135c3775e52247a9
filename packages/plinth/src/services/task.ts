import type { Database, Transaction } from '../database/queryable.ts'
import { PlinthError } from '../errors.ts'

/** What a handler is given. It never gets the transaction that enqueued the task: that one has committed. */
export interface TaskContext {
  /** The worker's own database handle. */
  readonly db: Database
  /** Of the task, in decimal; the same in each attempt, so a stable key for calls to others. */
  readonly id: string
  /** From 1. Counted before the handler runs, so an attempt that killed the process counts too. */
  readonly attempt: number
  /** Aborted when the time limit passes, the worker closes, or another worker has taken the task over. */
  readonly signal: AbortSignal
  /**
   * Runs `work` in a transaction that also ends the task: what it writes is there exactly when the task is done.
   * Throws TaskTakenOver, with nothing written, when another worker has the task by now.
   */
  readonly complete: <R>(work: (tx: Transaction) => Promise<R>) => Promise<R>
}

export type TaskHandler<I> = (input: I, context: TaskContext) => Promise<void>

export interface TaskOptions<I> {
  /**
   * Of one attempt, after which its signal aborts and the attempt has failed; 24.8 days at most, which Infinity is
   * too. Default 60,000.
   */
  readonly timeoutMs?: number
  readonly retry?: TaskRetryOptions
  /**
   * Whose work it is, as the tenant: the groups of a task take turns, so a group with 10,000 tasks does not keep the
   * others waiting. Default: one group for all.
   */
  readonly group?: (input: I) => string
  /** Tasks of one group that run at the same time, in all workers together. Default: no limit. */
  readonly groupConcurrency?: number
  /**
   * Five fields (minute, hour, day of month, month, day of week) in UTC: a worker enqueues the task with the input
   * null at each of these times, once whatever the number of workers. Times that passed without a worker count once.
   */
  readonly cron?: string
}

/** The delay before an attempt is random, from 0 to `baseMs * factor ** (attempts before - 1)`, at most `capMs`. */
export interface TaskRetryOptions {
  /** The first one included; after the last the task is dead. Default 10. */
  readonly attempts?: number
  /** Default 1,000. */
  readonly baseMs?: number
  /** Default 2. */
  readonly factor?: number
  /** Default 3,600,000, an hour. */
  readonly capMs?: number
  /** False for an error that will be the same next time: the task is dead at once. Default: always true. */
  readonly retryable?: (error: unknown) => boolean
}

/** A kind of background work. The name is what stands in the table: keep it when the code is renamed. */
export interface Task<I> {
  readonly name: string
  readonly handler: TaskHandler<I>
  readonly timeoutMs: number
  readonly retry: Required<TaskRetryOptions>
  readonly group: (input: I) => string
  readonly groupConcurrency: number
  readonly cron: string | undefined
}

const longestName = 100

/**
 * Describes background work. It runs where a worker is started with it, and is asked for with `enqueue`.
 *
 *     const welcome = task('welcome-mail', async ({ userId }: { userId: number }, { db, complete }) => { … })
 *
 * Throws InvalidOption.
 */
export function task<I>(name: string, handler: TaskHandler<I>, options: TaskOptions<I> = {}): Task<I> {
  if (name === '' || name.length > longestName || name.includes('\0'))
    throw invalid(`The name of a task must be text of 1 to ${longestName} characters without U+0000.`)
  const { timeoutMs = 60_000, retry = {}, group = () => '', groupConcurrency = Infinity, cron } = options
  const { attempts = 10, baseMs = 1000, factor = 2, capMs = 3_600_000, retryable = () => true } = retry
  const least: Readonly<Record<string, number>> = { timeoutMs, attempts, baseMs, factor, capMs, groupConcurrency }
  for (const [option, value] of Object.entries(least))
    if (!(value >= 1)) throw invalid(`${option} of the task "${name}" is ${value}; it must be 1 or more.`)
  for (const [option, value] of Object.entries({ attempts, groupConcurrency }))
    if (!Number.isInteger(value) && value !== Infinity)
      throw invalid(`${option} of the task "${name}" is ${value}; it must be a whole number.`)
  const policy = { attempts, baseMs, factor, capMs, retryable }
  return { name, handler, timeoutMs, retry: policy, group, groupConcurrency, cron }
}

function invalid(message: string): PlinthError {
  return new PlinthError('InvalidOption', message)
}
