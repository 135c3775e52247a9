import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { type Backoff, delayMs, pause } from '../database/backoff.ts'
import { identityOf } from '../database/origin.ts'
import type { Database, Transaction } from '../database/queryable.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import { failureOf } from '../observe/failure.ts'
import { CronTasks } from './cron-tasks.ts'
import { LifeSign } from './life-sign.ts'
import { type Claimed, TaskQueue } from './task-queue.ts'
import { tellFailure, tellWorkerFailure, watchTask } from './task-watch.ts'
import type { Task } from './task.ts'

export interface WorkerOptions {
  /** Tasks at the same time. Default 10. */
  readonly concurrency?: number
  /** Shown in plinth.worker. Default `worker`. */
  readonly service?: string
}

export interface Worker extends AsyncDisposable {
  /**
   * Takes no more tasks and lets those that run finish until the deadline. Then their signals abort, and another worker
   * gets them. Default 10,000. Idempotent. Close it before the database.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>
}

/** 24.8 days: a longer time would overflow the timer, which then goes off after 1 ms. */
const longestMs = 2_147_483_647

/** Between looks at the table while nothing wakes the worker. */
const shortestPollMs = 250
const longestPollMs = 5000
/** What an aborted handler gets to end in. */
const abortGraceMs = 1000
const sweepMs = 60_000
/** After what waiting alone may not mend, as a right that is missing: it is told each time. */
const failureBackoff: Backoff = { baseMs: 1000, factor: 2, capMs: 30_000 }

/**
 * Runs tasks of these kinds until it is closed. Any number of workers may run the same kinds. A worker holds one
 * connection of the pool for itself, and each task what it uses. While the database is away, now or later, it waits.
 * What else fails later, as a table or right that is missing, is the observation `worker.failed`, and is tried again
 * after a delay that grows to 30 s.
 *
 *     await using worker = await startWorker(db, [welcome, cleanUp], { concurrency: 20 })
 *
 * Throws InvalidOption for two tasks of one name, UndefinedObject without `installSchema(db)`, and why connecting fails
 * where waiting does not help, as AuthenticationFailed.
 */
export async function startWorker(
  db: Database,
  tasks: readonly Task<never>[],
  { concurrency = 10, service = 'worker' }: WorkerOptions = {},
): Promise<Worker> {
  const names = new Set(tasks.map(({ name }) => name))
  if (names.size < tasks.length) throw new PlinthError('InvalidOption', 'Two tasks of a worker have the same name.')
  if (!(Number.isInteger(concurrency) && concurrency >= 1))
    throw new PlinthError('InvalidOption', `concurrency is ${concurrency}; it must be a whole number from 1.`)
  const worker = new TaskWorker(db, tasks, concurrency, service)
  await worker.start()
  return worker
}

const closingReason = new PlinthError('Cancelled', 'The worker is closing.')

class TaskWorker implements Worker {
  readonly #db: Database
  readonly #tasks: ReadonlyMap<string, Task<never>>
  readonly #queue: TaskQueue
  readonly #cron: CronTasks
  readonly #concurrency: number
  readonly #service: string
  readonly #running = new Map<Promise<void>, AbortController>()
  readonly #stop = new AbortController()
  #life: LifeSign | undefined
  #wake = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #isInstalled = false
  #lostBecause: unknown
  #sweepAt = 0
  #stopListening = (): void => undefined
  #closing: Promise<void> | undefined

  constructor(db: Database, tasks: readonly Task<never>[], concurrency: number, service: string) {
    this.#db = db
    this.#tasks = new Map(tasks.map((one) => [one.name, one]))
    this.#queue = new TaskQueue(db, tasks)
    this.#cron = new CronTasks(db, tasks)
    this.#concurrency = concurrency
    this.#service = service
  }

  async start(): Promise<void> {
    try {
      await this.#ready()
    } catch (error) {
      // As it may be while a system starts: the loop asks again.
      if (!isAway(error)) throw error
    }
    this.#stopListening = this.#db.on('state', ({ to }) => to === 'connected' && this.#wakeUp())
    this.#loop = this.#run()
  }

  async #ready(): Promise<LifeSign> {
    if (!this.#isInstalled) await this.#cron.install()
    this.#isInstalled = true
    return this.#live()
  }

  close({ deadlineMs = 10_000 }: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(deadlineMs)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#stop.abort()
    this.#stopListening()
    this.#wakeUp()
    await this.#loop
    const isQuiet = await this.#settled(deadlineMs)
    if (!isQuiet) {
      this.#abortAll(closingReason)
      await this.#settled(abortGraceMs)
    }
    await this.#life?.[Symbol.asyncDispose]()
  }

  /** False when tasks still run after `withinMs`. */
  async #settled(withinMs: number): Promise<boolean> {
    const timeUp = new AbortController()
    const all = Promise.allSettled(this.#running.keys()).then(() => timeUp.abort())
    await pause(withinMs, timeUp.signal)
    if (!timeUp.signal.aborted) return false
    await all
    return true
  }

  async #run(): Promise<void> {
    let pollMs = shortestPollMs
    let failed = 0
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController()
      try {
        const started = await this.#startSome((await this.#ready()).id)
        pollMs = started.count > 0 ? shortestPollMs : Math.min(longestPollMs, pollMs * 2)
        const waitMs = Math.min(pollMs, started.nextMs, await this.#sweep())
        failed = 0
        await pause(waitMs, this.#wake.signal)
      } catch (error) {
        pollMs = Math.min(longestPollMs, pollMs * 2)
        if (isAway(error)) await pause(pollMs, this.#wake.signal)
        // Not to be woken, or each commit that enqueues would be told of the same failure.
        else await pause(this.#tell(error, ++failed), this.#stop.signal)
      }
    }
  }

  /** Resolves with the time until the next, in ms: 0 while there is more to remove. */
  async #sweep(): Promise<number> {
    const left = this.#sweepAt - performance.now()
    if (left > 0) return left
    // A batch a turn, so that tasks are claimed between two of them.
    if (!(await this.#queue.removeOld())) return 0
    this.#sweepAt = performance.now() + sweepMs
    return sweepMs
  }

  /** Answers the time until it is tried again, in ms. */
  #tell(error: unknown, attempt: number): number {
    const waitMs = delayMs(failureBackoff, attempt)
    tellWorkerFailure(identityOf(this.#db), error, attempt, waitMs)
    return waitMs
  }

  async #startSome(worker: number): Promise<{ readonly count: number; readonly nextMs: number }> {
    const nextCronMs = await this.#cron.enqueueDue()
    const nextMs = Math.min(nextCronMs, await this.#queue.promote())
    const free = this.#concurrency - this.#running.size
    // The end of a running task wakes the loop.
    if (free === 0) return { count: 1, nextMs: Infinity }
    const claimed = await this.#queue.claim(worker, free)
    for (const one of claimed) this.#begin(worker, one)
    // There may be more: what is claimed at once is what was free.
    return { count: claimed.length, nextMs: claimed.length === free ? Infinity : nextMs }
  }

  #begin(worker: number, claimed: Claimed): void {
    const task = this.#tasks.get(claimed.name)
    assert(task, 'a claim asks for the names of these tasks alone')
    const abort = new AbortController()
    const done = this.#attempt(task, worker, claimed, abort).finally(() => {
      this.#running.delete(done)
      this.#wakeUp()
    })
    this.#running.set(done, abort)
  }

  /** Never rejects. */
  async #attempt(task: Task<never>, worker: number, claimed: Claimed, abort: AbortController): Promise<void> {
    // It was never told to have failed, so each attempt took its worker along: this one must not follow.
    const { attempts } = task.retry
    if (claimed.attempt > attempts) return this.#recordFailure(task, worker, claimed, lostEachTime(attempts))
    const end = watchTask(identityOf(this.#db), claimed)
    try {
      await this.#handle(task, worker, claimed, abort)
      end('done')
    } catch (error) {
      // Another worker has the task, or will have it when this one has closed.
      const isElsewhere = isPlinthError(error, 'TaskTakenOver') || error === closingReason
      end(isElsewhere ? 'taken over' : 'failed', error)
      if (!isElsewhere) await this.#recordFailure(task, worker, claimed, error)
    }
  }

  async #handle(task: Task<never>, worker: number, claimed: Claimed, abort: AbortController): Promise<void> {
    let isComplete = false
    const complete = async <R>(work: (tx: Transaction) => Promise<R>): Promise<R> => {
      const ending = async (tx: Transaction): Promise<R> => {
        // First, so that it waits for nobody with the effect done, and a zombie stops before it writes.
        if (!(await this.#queue.end(tx, worker, claimed))) throw takenOver(claimed)
        return work(tx)
      }
      const result = await this.#db.transaction(ending, { name: `task ${task.name}`, signal: abort.signal })
      isComplete = true
      return result
    }
    const timer = setTimeout(() => abort.abort(timedOut(task)), Math.min(task.timeoutMs, longestMs))
    try {
      const context = { db: this.#db, id: claimed.id, attempt: claimed.attempt, signal: abort.signal, complete }
      // The table holds what `enqueue` was given for this task.
      await untilAborted(task.handler(claimed.input as never, context), abort.signal)
      if (!isComplete && !(await this.#queue.end(this.#db, worker, claimed))) throw takenOver(claimed)
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * In a statement of its own, on whatever connection there is: the handler's may be gone. Tried until the worker loses
   * its sign of life, for then another gets the task.
   */
  async #recordFailure(task: Task<never>, worker: number, claimed: Claimed, thrown: unknown): Promise<void> {
    const { isRetryable, error } = judge(task, thrown)
    const isLast = claimed.attempt >= task.retry.attempts || !isRetryable
    const afterMs = isLast ? undefined : delayMs(task.retry, claimed.attempt)
    const text = JSON.stringify(describe(error))
    for (let tries = 1; this.#life?.id === worker && !this.#life.isLost; tries++) {
      try {
        const isRecorded = await this.#queue.fail(worker, claimed, text, afterMs)
        if (isRecorded) tellFailure(identityOf(this.#db), claimed, error, afterMs)
        return
      } catch (cause) {
        await pause(isAway(cause) ? shortestPollMs : this.#tell(cause, tries), this.#stop.signal)
        if (this.#stop.signal.aborted) return
      }
    }
  }

  async #live(): Promise<LifeSign> {
    if (this.#life?.isLost) {
      await this.#life[Symbol.asyncDispose]()
      this.#life = undefined
      if (!isAway(this.#lostBecause)) throw this.#lostBecause
    }
    this.#life ??= await LifeSign.begin(this.#db, this.#service, {
      onWork: () => this.#wakeUp(),
      onLost: (cause) => {
        this.#lostBecause = cause
        this.#abortAll(new PlinthError('TaskTakenOver', 'The worker lost its sign of life.', { cause }))
        this.#wakeUp()
      },
    })
    return this.#life
  }

  #abortAll(reason: PlinthError): void {
    for (const abort of this.#running.values()) abort.abort(reason)
  }

  #wakeUp(): void {
    this.#wake.abort()
  }
}

/** The database is away, or its answer was: its handle has reported it, by `db.state` and its observations. */
function isAway(error: unknown): boolean {
  if (!isPlinthError(error)) return false
  return error.retryable || error.code === 'ConnectionLost' || error.code === 'CommitUnknown'
}

/** Rejects when the signal aborts although the handler goes on: it must not keep a slot for ever. */
function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    if (signal.aborted) abort()
  })
}

/**
 * A `retryable` that throws decides nothing: the task runs again as usual, and its error says what is wrong with it.
 */
function judge({ name, retry }: Task<never>, error: unknown): { isRetryable: boolean; error: unknown } {
  try {
    return { isRetryable: retry.retryable(error), error }
  } catch (cause) {
    const message = `retryable of the task "${name}" threw ${text(cause)} when it was asked about: ${text(error)}`
    return { isRetryable: true, error: new PlinthError('InvalidOption', message, { cause }) }
  }
}

/** For the column `error`: whoever reads the table may read the rows, so the message is kept. */
function describe(error: unknown): object {
  const { code, sqlstate } = failureOf(error)
  return { code, message: text(error).slice(0, 2000), ...(sqlstate === undefined ? {} : { sqlstate }) }
}

/** Of whatever was thrown: an object without a prototype has no String(). */
function text(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  return thrown instanceof Error ? thrown.message : inspect(thrown)
}

function takenOver({ name, id }: Claimed): PlinthError {
  return new PlinthError('TaskTakenOver', `Task ${id} ("${name}") is another worker's by now: nothing was saved.`, {
    hint: 'This process was frozen or lost its connection. The task runs again elsewhere; there is nothing to do.',
  })
}

function timedOut({ name, timeoutMs }: Task<never>): PlinthError {
  return new PlinthError('TransactionTimeout', `The task "${name}" had not ended after ${timeoutMs} ms.`, {
    hint: 'Give it a larger timeoutMs, and pass context.signal to what it awaits.',
  })
}

function lostEachTime(attempts: number): PlinthError {
  return new PlinthError('TaskTakenOver', `Its worker died in each of ${attempts} attempts.`)
}
