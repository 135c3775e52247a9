import { databaseOf } from '../database/origin.ts'
import type { Queryable, Transaction } from '../database/queryable.ts'
import { PlinthError } from '../errors.ts'
import type { Task } from './task.ts'

/**
 * What `enqueue` needs to know of a task: a process that only asks for it does without the handler and what that
 * imports. `group` must be the one that the worker's task has.
 *
 *     export const welcome: TaskReference<{ userId: number }> = { name: 'welcome-mail' }
 */
export type TaskReference<I> = Pick<Task<I>, 'name'> & Partial<Pick<Task<I>, 'group'>>

export interface EnqueueOptions {
  /** The task runs no earlier than this after the transaction's start. Default 0. */
  readonly afterMs?: number
  /**
   * One task for each key of a name, also after it has run: a second `enqueue` answers the first one's id. It can be
   * used again once that task is removed, 14 days after its end. Default: none.
   */
  readonly key?: string
}

export interface Enqueued {
  /** In decimal. */
  readonly id: string
  /** False where the key had its task already. */
  readonly isNew: boolean
}

/** Heard by the workers of all processes. */
export const taskChannel = 'plinth_task'

/**
 * Asks for a task to run after the commit of `tx`: it exists if and only if the transaction is committed. `input` is
 * kept as JSON. Needs `installSchema(db)`.
 *
 *     await db.transaction(async (tx) => {
 *       const user = await tx.run(users.insert(given))
 *       await enqueue(tx, welcome, { userId: user.id }, { key: `welcome:${user.id}` })
 *     })
 *
 * Throws InvalidValue for an input that JSON cannot hold.
 */
export async function enqueue<I>(
  tx: Transaction,
  task: TaskReference<I>,
  input: I,
  { afterMs = 0, key }: EnqueueOptions = {},
): Promise<Enqueued> {
  const values = [task.name, task.group?.(input) ?? '', key ?? null, toJson(task.name, input), afterMs]
  const made = await tx.maybeOne<{ id: string }>(
    `insert into plinth.task (name, group_key, key, input, run_at, state)
      values ($1, $2, $3, $4::json, now() + $5::float8 * interval '1 ms',
        case when $5::float8 > 0 then 'waiting' else 'ready' end)
      on conflict (name, key) where key is not null do nothing
      returning id::text`,
    values,
  )
  if (made) {
    // After the commit and not in it: NOTIFY in the transaction doubled PostgreSQL's CPU (5.1 against 2.2 s for 10,000
    // events, 2026-11).
    if (afterMs === 0) tx.afterCommit(() => wakeSoon(databaseOf(tx)))
    return { id: made.id, isNew: true }
  }
  const { id } = await tx.one<{ id: string }>('select id::text from plinth.task where name = $1 and key = $2', [
    task.name,
    key ?? null,
  ])
  return { id, isNew: false }
}

/** Text for a json column; `undefined` is kept as null. */
function toJson(name: string, input: unknown): string {
  try {
    return JSON.stringify(input) ?? 'null'
  } catch (cause) {
    throw new PlinthError('InvalidValue', `The input of the task "${name}" cannot be written as JSON.`, { cause })
  }
}

const coalesceMs = 5
const waking = new WeakSet<object>()

/** One NOTIFY for all commits of 5 ms. A lost one costs time alone: workers look by themselves too. */
function wakeSoon(db: Queryable): void {
  if (waking.has(db)) return
  waking.add(db)
  const wake = async (): Promise<void> => {
    waking.delete(db)
    try {
      await db.query('select pg_notify($1, $2)', [taskChannel, ''])
    } catch {
      // The handle is closed or the server away: the poll of each worker finds the task.
    }
  }
  setTimeout(() => void wake(), coalesceMs).unref()
}
