import type { Database } from '../database/queryable.ts'
import { nextTime, readSchedule, type Schedule } from './cron.ts'
import { enqueue } from './enqueue.ts'
import type { Task } from './task.ts'

interface CronTask {
  readonly task: Task<never>
  readonly text: string
  readonly schedule: Schedule
}

/** Between looks at the table, for other workers enqueue too. */
const longestLookMs = 60_000

/** Enqueues the tasks that have a schedule, at each of its times, from one of the workers. */
export class CronTasks {
  readonly #db: Database
  readonly #tasks: readonly CronTask[]
  #lookAt = 0

  constructor(db: Database, tasks: readonly Task<never>[]) {
    this.#db = db
    this.#tasks = tasks.flatMap((task) =>
      task.cron === undefined ? [] : [{ task, text: task.cron, schedule: readSchedule(task.cron) }],
    )
  }

  /** A schedule that was changed begins anew. */
  async install(): Promise<void> {
    if (this.#tasks.length === 0) return
    const { now } = await this.#db.one<{ now: Date }>('select now() as now')
    for (const { task, text, schedule } of this.#tasks)
      await this.#db.query(
        `insert into plinth.cron (name, schedule, next_at) values ($1, $2, $3)
          on conflict (name) do update set schedule = excluded.schedule, next_at = excluded.next_at
          where cron.schedule <> excluded.schedule`,
        [task.name, text, nextTime(schedule, now, text)],
      )
  }

  /** Resolves with the time until the next, in ms. */
  async enqueueDue(): Promise<number> {
    if (this.#tasks.length === 0) return Infinity
    const left = this.#lookAt - performance.now()
    if (left > 0) return left
    const waits = await Promise.all(this.#tasks.map((one) => this.#enqueueOne(one)))
    const wait = Math.min(longestLookMs, ...waits)
    this.#lookAt = performance.now() + wait
    return wait
  }

  async #enqueueOne({ task, text, schedule }: CronTask): Promise<number> {
    return this.#db.transaction(
      async (tx) => {
        const row = await tx.maybeOne<{ next: Date; now: Date }>(
          `select next_at as next, now() as now from plinth.cron where name = $1 for update skip locked`,
          [task.name],
        )
        if (!row) return longestLookMs
        const { next, now } = row
        if (next > now) return next.getTime() - now.getTime()
        // A task with a schedule takes null, as its docstring says.
        await enqueue(tx, task, null as never, { key: `cron ${next.toISOString()}` })
        const following = nextTime(schedule, now, text)
        await tx.query('update plinth.cron set next_at = $2 where name = $1', [task.name, following])
        return following.getTime() - now.getTime()
      },
      { name: 'cron' },
    )
  }
}
