import type { Database, Queryable } from '../database/queryable.ts'
import type { Task } from './task.ts'

/** A task at this worker, for one attempt. */
export interface Claimed {
  /** In decimal. */
  readonly id: string
  readonly name: string
  readonly input: unknown
  /** This one included. */
  readonly attempt: number
  readonly group: string
}

/** Groups looked at by one claim; the next claim goes on behind them. */
const mostGroups = 500
/** Tasks whose time has come that one claim makes ready. */
const mostDue = 1000
/** Ended tasks that one statement removes. */
const mostRemoved = 10_000

/**
 * Takes up to `$4` ready tasks for the worker `$1`: of each group the oldest first, and the groups in the order of how
 * many of their tasks are running. It steps from group to group over an index, so a group with many tasks costs no
 * more than one with few. The worker's row is locked, for a worker that counts as dead must not claim.
 */
const claimText = `with recursive
  self as (select id from plinth.worker where id = $1 for key share),
  groups (name, group_key, place) as (
    (select name, group_key, 1 from plinth.task where state = 'ready' and (name, group_key) > ($5, $6)
      order by name, group_key limit 1)
    union all
    select next.name, next.group_key, groups.place + 1 from groups cross join lateral (
      select name, group_key from plinth.task
        where state = 'ready' and (name, group_key) > (groups.name, groups.group_key)
        order by name, group_key limit 1) as next
      where groups.place < ${mostGroups}),
  mine as (
    select groups.name, groups.group_key, wanted.most
      from groups join unnest($2::text[], $3::int[]) as wanted (name, most) on wanted.name = groups.name),
  picked as (
    select own.id from mine
      cross join lateral (select count(*)::int as running from plinth.task
        where state = 'running' and name = mine.name and group_key = mine.group_key) as busy
      cross join lateral (select free.id, row_number() over (order by free.id) as place from (
        select id from plinth.task
          where state = 'ready' and name = mine.name and group_key = mine.group_key
          order by id limit greatest(0, least($4::int, mine.most - busy.running))
          for update skip locked) as free) as own
      order by own.place + busy.running, own.id limit $4::int),
  claimed as (
    update plinth.task set state = 'running', attempt = attempt + 1, worker = self.id, started_at = now(), error = null
      from picked, self where task.id = picked.id
      returning task.id::text, task.name, task.group_key, task.input, task.attempt)
  select (select count(*)::int from groups) as groups, last.name as last_name, last.group_key as last_group,
      claimed.id, claimed.name, claimed.group_key as "group", claimed.input, claimed.attempt
    from (select max(place) as place from groups) as most
      left join groups as last on last.place = most.place
      left join claimed on true`

/** Of int4, for "no limit". */
const unlimited = 2_147_483_647

interface ClaimRow {
  readonly groups: number
  readonly last_name: string | null
  readonly last_group: string | null
  readonly id: string | null
  readonly name: string
  readonly group: string
  readonly input: unknown
  readonly attempt: number
}

/** What one worker does to the table plinth.task. */
export class TaskQueue {
  readonly #db: Database
  readonly #names: readonly string[]
  readonly #limits: readonly number[]
  readonly #isLimited: boolean
  /** Where the last claim stopped, when there were more groups than it looks at. */
  #behind: readonly [name: string, group: string] = ['', '']

  constructor(db: Database, tasks: readonly Task<never>[]) {
    this.#db = db
    this.#names = tasks.map(({ name }) => name)
    this.#limits = tasks.map(({ groupConcurrency }) => Math.min(unlimited, groupConcurrency))
    this.#isLimited = tasks.some(({ groupConcurrency }) => groupConcurrency < Infinity)
  }

  /** Makes ready what is due. Resolves with the time until the next is, in ms; Infinity for none. */
  async promote(): Promise<number> {
    const { wait } = await this.#db.one<{ wait: number | null }>(
      `with due as (
          update plinth.task set state = 'ready' where id = any(array(
            select id from plinth.task where state = 'waiting' and run_at <= now()
              order by run_at limit ${mostDue} for update skip locked)) returning 1)
        select case when (select count(*) from due) = ${mostDue} then 0 else
          extract(epoch from (select min(run_at) from plinth.task where state = 'waiting' and run_at > now()) - now())
            * 1000 end::float8 as wait`,
    )
    return wait ?? Infinity
  }

  async claim(worker: number, most: number): Promise<readonly Claimed[]> {
    const values = [worker, this.#names, this.#limits, most, ...this.#behind]
    const ask = async (on: Queryable): Promise<readonly ClaimRow[]> =>
      (await on.query<ClaimRow>(claimText, values)).rows
    // One after the other: two claims at once would each count without the other's tasks.
    const inTurn = (): Promise<readonly ClaimRow[]> =>
      this.#db.transaction(
        async (tx) => {
          await tx.query('select pg_advisory_xact_lock(8103, 0)')
          return ask(tx)
        },
        { name: 'claim tasks' },
      )
    const rows = this.#isLimited ? await inTurn() : await ask(this.#db)
    const isFull = rows[0]?.groups === mostGroups
    this.#behind = isFull ? [rows[0]?.last_name ?? '', rows[0]?.last_group ?? ''] : ['', '']
    return rows.flatMap(({ id, name, group, input, attempt }) =>
      id === null ? [] : [{ id, name, group, input, attempt }],
    )
  }

  /** False when the task is not this worker's any more, for this attempt. */
  async end(on: Queryable, worker: number, { id, attempt }: Claimed): Promise<boolean> {
    const { rowCount } = await on.query(
      `update plinth.task set state = 'done', worker = null, error = null, ended_at = now()
        where id = $1 and attempt = $2 and worker = $3 and state = 'running'`,
      [id, attempt, worker],
    )
    return rowCount === 1
  }

  /** `afterMs` undefined: never again. False as for `end`. */
  async fail(worker: number, { id, attempt }: Claimed, error: string, afterMs: number | undefined): Promise<boolean> {
    const { rowCount } = await this.#db.query(
      `update plinth.task set state = case when $5::float8 is null then 'dead' else 'waiting' end, worker = null,
          error = $4::json, run_at = now() + coalesce($5::float8, 0) * interval '1 ms',
          ended_at = case when $5::float8 is null then now() end
        where id = $1 and attempt = $2 and worker = $3 and state = 'running'`,
      [id, attempt, worker, error, afterMs ?? null],
    )
    return rowCount === 1
  }

  /** Removes what ended 14 days ago, 10,000 at most: false when there may be more. */
  async removeOld(): Promise<boolean> {
    const { rowCount } = await this.#db.query(`delete from plinth.task where ctid = any(array(
      select ctid from plinth.task where state in ('done', 'dead') and ended_at < now() - interval '14 days'
        limit ${mostRemoved} for update skip locked))`)
    return rowCount < mostRemoved
  }
}
