import type { Connection } from '../driver/connection.ts'
import { isPlinthError } from '../errors.ts'
import type { ReplicaHealth } from './health-report.ts'
import { LogPosition } from './log-position.ts'
import type { DatabaseSettings } from './options.ts'
import type { TransactionOptions } from './queryable.ts'
import { Replica } from './replica.ts'
import { readRetry } from './retry.ts'
import type { TransactionHome } from './transaction.ts'
import type { BeginRead } from './transaction-wire.ts'

type Line = Parameters<BeginRead>[0]
type Run = Parameters<BeginRead>[1]

/**
 * The replicas of a database, and which of its reads they serve.
 *
 * | a read | is served by |
 * |---|---|
 * | serializable | the primary: a standby has no serializable transactions |
 * | after a write whose position in the log is not known | the primary, which is asked for it in the same trip |
 * | when a replica is connected | that replica, in turn with the others, those with a free connection first |
 * | on it, but it is behind this process's writes, promoted or silent | the primary, before the callback hears of it |
 * | in its last attempt | the primary: no recovery cancels it there |
 * | else | the primary |
 */
export class Replicas {
  readonly position: LogPosition = new LogPosition()
  readonly #replicas: readonly Replica[]
  readonly #owners = new WeakMap<Connection, Replica>()
  #turn = 0

  constructor({ replicas, limits }: DatabaseSettings) {
    // Nothing shares a lane there: each read is a transaction.
    this.#replicas = replicas.map((options) => new Replica(options, { ...limits, sharedLanes: 0 }))
  }

  /** Begins to connect to all of them; nobody waits for it. */
  connect(): void {
    for (const replica of this.#replicas) replica.lookFor()
  }

  /** Where the transactions of `db.read` get their connections. */
  homeOfRead(home: TransactionHome, { isolation, retry }: TransactionOptions): TransactionHome {
    if (isolation === 'serializable') return home
    const { attempts } = readRetry(retry)
    const isLast = (attempt: number): boolean => attempt > 1 && attempt >= attempts
    return {
      ...home,
      acquire: async (...wanted) => {
        const attempt = wanted[2]?.attempt ?? 1
        const connection = isLast(attempt) ? undefined : await this.#acquire(...wanted)
        return connection ?? home.acquire(...wanted)
      },
      release: (connection) => {
        const replica = this.#owners.get(connection)
        if (replica) replica.pool.release(connection)
        else home.release(connection)
      },
      beginRead: (holder, signal) => (line, run) => this.#begin(line, run, () => home.acquire(holder, signal, holder)),
    }
  }

  /** Never rejects. `primary`: the position of the primary, where it answers. */
  lagBytes(primary: Promise<bigint | undefined>): Promise<(number | undefined)[]> {
    this.connect()
    return Promise.all(this.#replicas.map((replica) => replica.lagBytes(primary)))
  }

  health(lagBytes: readonly (number | undefined)[]): ReplicaHealth[] {
    return this.#replicas.map((replica, at) => replica.health(lagBytes[at]))
  }

  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#replicas.map((replica) => replica.close(deadlineMs)))
  }

  /** Undefined where none serves. */
  async #acquire(...wanted: Parameters<TransactionHome['acquire']>): Promise<Connection | undefined> {
    const replica = this.position.known === undefined ? undefined : this.#pick()
    if (!replica) return undefined
    try {
      const connection = await replica.pool.acquire(...wanted)
      this.#owners.set(connection, replica)
      return connection
    } catch (error) {
      // One that was away after all; a pool that is full is told to the caller, as that of the primary is.
      if (isPlinthError(error) && error.phase === 'connect') return undefined
      throw error
    }
  }

  #pick(): Replica | undefined {
    this.connect()
    const able = this.#replicas.filter((replica) => replica.serves)
    const free = able.filter(({ pool }) => pool.hasRoom)
    const from = free.length > 0 ? free : able
    return from[this.#turn++ % from.length]
  }

  /**
   * The question travels in front of BEGIN, in an exchange of its own: its answer is there although a statement behind
   * it fails, and the snapshot of the transaction is younger than it.
   */
  async #begin(line: Line, run: Run, acquirePrimary: () => Promise<Connection>): ReturnType<BeginRead> {
    const { connection } = line
    const replica = this.#owners.get(connection)
    const needed = this.position.known
    if (!replica) {
      const asked = needed === undefined ? this.position.ask(connection) : undefined
      try {
        return await run()
      } finally {
        await asked
      }
    }
    let verdict: 'fit' | 'behind' | 'unfit' = 'fit'
    if (needed !== undefined) {
      const replayed = replica.replayed(connection)
      const answers = run()
      answers.catch(() => undefined)
      const reached = await replayed
      if (reached !== undefined && reached >= needed) return answers
      verdict = reached === undefined ? 'unfit' : 'behind'
    }
    line.connection = await acquirePrimary()
    line.connection.needsReset ||= connection.needsReset
    void replica.takeBack(connection, verdict)
    return this.#begin(line, run, acquirePrimary)
  }
}
