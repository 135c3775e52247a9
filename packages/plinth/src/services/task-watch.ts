import { failureOf } from '../observe/failure.ts'
import { type DatabaseIdentity, isObserved, observe, type ObservationOf, type TaskRef } from '../observe/observation.ts'
import type { Claimed } from './task-queue.ts'

type Outcome = ObservationOf<'task.end'>['outcome']

/** Publishes that an attempt at a task begins; what it returns publishes how it ended. */
export function watchTask(
  database: DatabaseIdentity | undefined,
  claimed: Claimed,
): (outcome: Outcome, error?: unknown) => void {
  // A look-alike that stands before a database, as a test's.
  if (database === undefined) return () => undefined
  const task = refOf(claimed)
  if (isObserved('task.begin')) observe({ kind: 'task.begin', database, task })
  const from = performance.now()
  return (outcome, error) => {
    if (!isObserved('task.end')) return
    const failure = outcome === 'done' ? {} : { failure: failureOf(error) }
    observe({ kind: 'task.end', database, task, ms: performance.now() - from, outcome, ...failure })
  }
}

/** Publishes what follows a failure that was recorded: another attempt, or none when `afterMs` is undefined. */
export function tellFailure(
  database: DatabaseIdentity | undefined,
  claimed: Claimed,
  error: unknown,
  afterMs: number | undefined,
): void {
  if (database === undefined) return
  const told = { database, task: refOf(claimed), failure: failureOf(error) }
  if (afterMs === undefined) observe({ kind: 'task.dead', ...told })
  else observe({ kind: 'task.retry', ...told, delayMs: afterMs })
}

/** Publishes that a worker failed at its own work, and when it tries again. */
export function tellWorkerFailure(
  database: DatabaseIdentity | undefined,
  error: unknown,
  attempt: number,
  delayMs: number,
): void {
  if (database !== undefined) observe({ kind: 'worker.failed', database, attempt, delayMs, failure: failureOf(error) })
}

function refOf({ id, name, attempt }: Claimed): TaskRef {
  return { id, name, attempt }
}
