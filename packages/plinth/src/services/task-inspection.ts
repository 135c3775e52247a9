import type { Database, Queryable } from '../database/queryable.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import { taskChannel } from './enqueue.ts'

export type TaskState = 'waiting' | 'ready' | 'running' | 'done' | 'dead'

/** A row of plinth.task. */
export interface TaskRow {
  /** In decimal. */
  readonly id: string
  readonly name: string
  readonly group: string
  readonly key: string | null
  readonly state: TaskState
  /** Attempts begun. */
  readonly attempt: number
  readonly runAt: Date
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  /** Of the last attempt, where it failed: code and message. */
  readonly error: { readonly code: string; readonly message: string; readonly sqlstate?: string } | null
}

export interface TaskDetails extends TaskRow {
  readonly input: unknown
  /** Where it is running. */
  readonly worker: { readonly id: number; readonly service: string; readonly leaseUntil: Date } | null
}

export interface ListTasksOptions {
  readonly name?: string
  /** Default: all but done. */
  readonly states?: readonly TaskState[]
  /** Default 100. */
  readonly limit?: number
}

const columns = `task.id::text, task.name, task.group_key as "group", task.key, task.state, task.attempt,
  task.run_at as "runAt", task.created_at as "createdAt", task.started_at as "startedAt", task.ended_at as "endedAt",
  task.error`

const allButDone: readonly TaskState[] = ['waiting', 'ready', 'running', 'dead']

/**
 * Tasks, the newest first, without their input.
 *
 *     const dead = await listTasks(db, { states: ['dead'], limit: 10 })
 *
 * Throws UndefinedObject where `installSchema` never ran.
 */
export async function listTasks(db: Queryable, options: ListTasksOptions = {}): Promise<readonly TaskRow[]> {
  const { name = null, states = allButDone, limit = 100 } = options
  const text = `select ${columns} from plinth.task
    where state = any($1) and name = coalesce($2, name) order by id desc limit $3`
  return (await withAdvice(db.query<TaskRow>(text, [[...states], name, limit]))).rows
}

/**
 * One task with its input, and with its worker while it runs.
 *
 *     const { state, error, input } = await showTask(db, '42')
 *
 * Throws RowNotFound, and InvalidValue for what is no number of a task.
 */
export async function showTask(db: Queryable, id: string): Promise<TaskDetails> {
  const text = `select ${columns}, task.input, case when worker.id is not null then
      json_build_object('id', worker.id, 'service', worker.service) end as worker, worker.lease_until
    from plinth.task left join plinth.worker on worker.id = task.worker where task.id = $1`
  const row = await withAdvice(db.maybeOne<TaskDetails & { lease_until: Date | null }>(text, [checkedId(id)]))
  if (row === undefined) throw missing(id)
  const { lease_until: leaseUntil, worker, ...rest } = row
  return { ...rest, worker: worker && leaseUntil && { ...worker, leaseUntil } }
}

/**
 * Runs a task at once that waits for its next attempt, or is dead; a dead one gets all of its attempts again. In one
 * statement that looks at the state: of a worker that takes the task meanwhile and this, one finds it changed.
 *
 *     await retryTask(db, '42')
 *
 * Throws RowNotFound, and InvalidOperation for a task that is running or done.
 */
export async function retryTask(db: Queryable, id: string): Promise<void> {
  const text = `update plinth.task set state = 'ready', run_at = now(), ended_at = null,
      attempt = case when state = 'dead' then 0 else attempt end
    where id = $1 and state in ('waiting', 'ready', 'dead')`
  const { rowCount } = await withAdvice(db.query(text, [checkedId(id)]))
  if (rowCount === 1) return wake(db)
  const { state } = await showTask(db, id)
  throw new PlinthError('InvalidOperation', `Task ${id} is ${state}, and runs again only when it is waiting or dead.`)
}

/** Which dead letters: one, those of a name, or all. */
export type Redrive = { readonly id: string } | { readonly name: string } | 'all'

/** A statement's worth, so that a table of a million dead letters is not locked at once. */
const batch = 1000

/**
 * Gives dead tasks all of their attempts again, and resolves with how many. Each batch of 1,000 is a statement of its
 * own, which takes none that is not dead any more; what dies again meanwhile stays dead. Throws RowNotFound for an id
 * that is no dead task's.
 *
 *     await redriveTasks(db, { name: 'welcome-mail' })
 */
export async function redriveTasks(db: Database, which: Redrive): Promise<number> {
  const id = typeof which === 'object' && 'id' in which ? checkedId(which.id) : null
  const name = typeof which === 'object' && 'name' in which ? which.name : null
  const { now } = await db.one<{ now: string }>('select now()::text as now')
  let count = 0
  for (let last = batch; last === batch; count += last) {
    const { rowCount } = await withAdvice(db.query(redriveText, [id, name, now, batch]))
    last = rowCount
  }
  if (count === 0 && id !== null) throw missing(id, 'dead task')
  if (count > 0) await wake(db)
  return count
}

const redriveText = `update plinth.task set state = 'ready', run_at = now(), ended_at = null, attempt = 0
  where id = any(array(select id from plinth.task where state = 'dead' and id = coalesce($1::bigint, id)
    and name = coalesce($2, name) and ended_at <= $3::text::timestamptz order by id limit $4 for update skip locked))
    and state = 'dead'`

async function wake(db: Queryable): Promise<void> {
  await db.query('select pg_notify($1, $2)', [taskChannel, ''])
}

async function withAdvice<T>(question: Promise<T>): Promise<T> {
  try {
    return await question
  } catch (error) {
    throw isPlinthError(error, 'UndefinedObject') ? notInstalled(error) : error
  }
}

function notInstalled(cause: PlinthError): PlinthError {
  return new PlinthError('UndefinedObject', 'The tables of tasks are not installed in this database, or are older.', {
    ...(cause.sqlstate === undefined ? {} : { sqlstate: cause.sqlstate }),
    cause,
    hint: 'Call installSchema(db), as plinth migrate run does.',
  })
}

function checkedId(id: string): string {
  if (/^\d{1,18}$/.test(id)) return id
  throw new PlinthError('InvalidValue', `${JSON.stringify(id)} is not the id of a task: a number in decimal.`)
}

function missing(id: string, what = 'task'): PlinthError {
  return new PlinthError('RowNotFound', `There is no ${what} ${id}.`, {
    hint: 'What ended 14 days ago is removed.',
  })
}
