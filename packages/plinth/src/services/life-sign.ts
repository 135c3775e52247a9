import { pause } from '../database/backoff.ts'
import type { Database, Queryable, Session } from '../database/queryable.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import { taskChannel } from './enqueue.ts'

/** First key of the advisory lock of each worker; the second is its id. */
const lockClass = 8102

/** Between looks at the next worker: when that one is dead, it is missed at the next look. */
const lookMs = 50
/** The same where no session is to be had, behind a pooler: the lease alone tells then. */
const lookAtLeasesMs = 1000
const renewMs = 10_000
const lease = `interval '30 seconds'`
const questionLimitMs = 5000

/** Of int4. */
const everyone = 2_147_483_647

/**
 * Of the `$2` workers that follow `$1` in the ring of ids. The limit keeps the planner from trying the locks of others;
 * the lease is asked again at the delete, for it may have been renewed meanwhile.
 */
const removeDeadText = `with following as (
    select id from plinth.worker where id <> $1 order by id < $1, id limit $2::int),
  tried as (
    select id, $3::boolean and pg_try_advisory_xact_lock_shared(${lockClass}, id) as is_free from following)
  delete from plinth.worker using tried where worker.id = tried.id and (is_free or worker.lease_until < now())`

interface Hears {
  /** Tasks of a dead worker are free again, or another process enqueued some. */
  readonly onWork: () => void
  /** This worker counts as dead: whatever it runs may be running elsewhere. Called once. */
  readonly onLost: (cause: unknown) => void
}

/**
 * Holds what says that this worker lives: an advisory lock of a session of its own, which ends with the process, and a
 * lease, which ends when the process is frozen. And looks after the next worker by id, the last one after the first,
 * for all after all would be 200,000 locks a second with 100 workers: who has neither is removed, and its tasks are
 * given back. All are looked after with each renewal, so that those behind a frozen worker do not wait for its lease.
 */
export class LifeSign {
  readonly id: number
  readonly #on: Queryable
  readonly #session: Session | undefined
  readonly #hears: Hears
  readonly #end = new AbortController()
  readonly #looking: Promise<void>
  #isLost = false

  private constructor(id: number, on: Queryable, session: Session | undefined, hears: Hears) {
    this.id = id
    this.#on = on
    this.#session = session
    this.#hears = hears
    this.#looking = this.#look()
  }

  static async begin(db: Database, service: string, hears: Hears): Promise<LifeSign> {
    const session = await openSession(db)
    const on = session ?? db
    try {
      // Locked before the row can be seen: who looked in between would take it for a dead worker's.
      const { id } = await on.one<{ id: number }>(`select nextval('plinth.worker_id')::int as id`)
      if (session) await lock(session, id)
      await on.query(`insert into plinth.worker (id, service, lease_until) values ($1, $2, now() + ${lease})`, [
        id,
        service,
      ])
      await session?.listen(taskChannel, hears.onWork)
      return new LifeSign(id, on, session, hears)
    } catch (error) {
      await session?.[Symbol.asyncDispose]()
      throw error
    }
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** The worker has ended: its tasks, if it left any, are free at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort()
    await this.#looking
    await this.#session?.[Symbol.asyncDispose]()
  }

  async #look(): Promise<void> {
    const { signal } = this.#end
    let renewAt = performance.now() + renewMs
    try {
      while (!signal.aborted) {
        const isRenewal = performance.now() >= renewAt
        if (isRenewal) {
          await this.#renew()
          renewAt = performance.now() + renewMs
        }
        // Who stands behind a dead worker may have died with it, and has nobody else: look on at once.
        if (await this.#removeDead(isRenewal ? everyone : 1)) continue
        await pause(this.#session ? lookMs : lookAtLeasesMs, signal, true)
      }
      await this.#on.query('delete from plinth.worker where id = $1', [this.id], { timeoutMs: questionLimitMs })
      await this.#giveBack()
    } catch (cause) {
      this.#isLost = true
      if (!signal.aborted) this.#hears.onLost(cause)
    }
  }

  async #renew(): Promise<void> {
    const text = `update plinth.worker set lease_until = now() + ${lease} where id = $1`
    const { rowCount } = await this.#on.query(text, [this.id], { timeoutMs: questionLimitMs })
    if (rowCount === 0) throw new PlinthError('TaskTakenOver', `Worker ${this.id} had been silent for 30 s.`)
    // Also of those who removed a dead worker and died before they gave its tasks back.
    if (await this.#giveBack()) this.#hears.onWork()
  }

  /** Looks at as many of the workers that follow; true when some were dead. */
  async #removeDead(most: number): Promise<boolean> {
    const values = [this.id, most, this.#session !== undefined]
    const { rowCount } = await this.#on.query(removeDeadText, values, { timeoutMs: questionLimitMs })
    if (rowCount > 0 && (await this.#giveBack())) this.#hears.onWork()
    return rowCount > 0
  }

  /** A statement of its own: a claim that ended while the worker was being removed is in its snapshot. */
  async #giveBack(): Promise<boolean> {
    const text = `update plinth.task set state = 'ready', worker = null
      where state = 'running' and not exists (select from plinth.worker where id = task.worker)`
    const { rowCount } = await this.#on.query(text, [], { timeoutMs: questionLimitMs })
    return rowCount > 0
  }
}

/** Undefined behind a pooler in transaction mode. */
async function openSession(db: Database): Promise<Session | undefined> {
  try {
    return await db.session()
  } catch (error) {
    if (isPlinthError(error, 'SessionStatement')) return undefined
    throw error
  }
}

/** Fails only when an id came round again while its old holder lives, after 2,147,483,647 workers. */
async function lock(session: Session, id: number): Promise<void> {
  const { locked } = await session.one<{ locked: boolean }>('select pg_try_advisory_lock($1, $2) as locked', [
    lockClass,
    id,
  ])
  if (!locked) throw new PlinthError('LockTimeout', `Another worker holds the lock (${lockClass}, ${id}).`)
}
