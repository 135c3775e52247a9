import type { ConnectionOptions } from '../driver/client-options.ts'
import { Connection } from '../driver/connection.ts'
import type { Statement } from '../driver/exchange.ts'
import { Pool } from '../driver/pool.ts'
import type { PoolLimits } from '../driver/pool-options.ts'
import { describeServer } from '../driver/sqlstate.ts'
import { PlinthError } from '../errors.ts'
import { Availability } from './availability.ts'
import { enclosingHolders } from './context.ts'
import { within } from './deadline.ts'
import { askFirst } from './first-question.ts'
import type { ReplicaHealth } from './health-report.ts'
import { cancelOrDestroy } from './held.ts'
import { toPosition } from './log-position.ts'
import { ReservedConnection } from './reserved-connection.ts'

const answerLimitMs = 2000
/** A replica that was behind is passed over for so long: each read that finds it so has lost a round trip. */
const restMs = 50
/** One that is away is looked for by its own backoff; after a failure that ends this, as a refused login, so often. */
const lookAgainMs = 10_000

const question: Statement = { text: 'select pg_is_in_recovery(), pg_last_wal_replay_lsn()', values: [] }
const rollback: Statement = { text: 'rollback', values: [] }

/**
 * A standby that serves reads, with a pool and states of its own (`Availability`); whoever would have to wait for it
 * goes to the primary instead.
 */
export class Replica {
  readonly pool: Pool
  readonly #availability: Availability
  readonly #reserved: ReservedConnection
  #restsUntil = 0
  #lookAgainAt = 0

  constructor(options: ConnectionOptions, limits: PoolLimits) {
    const open = (signal: AbortSignal): Promise<Connection> => openStandby(options, signal)
    const openWatched = async (signal: AbortSignal): Promise<Connection> => {
      const connection = await open(signal)
      connection.onLost(() => this.#availability.lookAgain())
      return connection
    }
    this.#availability = new Availability(
      options,
      Number.POSITIVE_INFINITY,
      openWatched,
      (connection) => askFirst(connection, limits.max),
      'replica',
    )
    this.#reserved = new ReservedConnection(open)
    this.pool = new Pool({
      limits,
      identity: options.identity,
      open: () => this.#availability.openNow(),
      whyAway: () => this.#availability.whyUnreachable,
      enclosing: enclosingHolders,
    })
  }

  /** True when a read may be sent there. */
  get serves(): boolean {
    return this.#availability.isReachable && performance.now() >= this.#restsUntil
  }

  /** Begins to look for it, where nobody does yet. */
  lookFor(): void {
    const now = performance.now()
    if (this.#availability.isReachable || now < this.#lookAgainAt) return
    this.#lookAgainAt = now + lookAgainMs
    void this.#connect()
  }

  async #connect(): Promise<void> {
    try {
      await this.#availability.reachable()
      await this.pool.keepWarm(0)
    } catch {
      // Its state tells why.
    }
  }

  /**
   * How far it has replayed the primary's log, 0 where it cannot tell; undefined when it is no standby, or is silent.
   */
  async replayed(connection: Pick<Connection, 'run'>): Promise<bigint | undefined> {
    try {
      const options = { firstWithinMs: answerLimitMs }
      const [answer] = await connection.run([question], answerLimitMs, options)
      const [isStandby, position] = answer?.rows[0] ?? []
      return isStandby === 't' ? toPosition(position === null ? '0/0' : String(position)) : undefined
    } catch {
      return undefined
    }
  }

  /** Takes back a connection whose read went elsewhere, with what it may still run. `unfit`: it is no standby now. */
  async takeBack(connection: Connection, verdict: 'fit' | 'behind' | 'unfit'): Promise<void> {
    if (verdict !== 'fit') this.#restsUntil = performance.now() + restMs
    await cancelOrDestroy(connection)
    if (!connection.isLost && connection.status !== 'I')
      await connection.run([rollback], answerLimitMs).catch((failure: unknown) => connection.destroy(failure))
    this.pool.release(connection)
    if (verdict !== 'unfit') return
    this.pool.dropOpenedBefore(performance.now())
    this.#availability.lookAgain()
  }

  /**
   * How many bytes of the primary's log it has not replayed; undefined where one of them does not answer. `primary`:
   * the position of the primary.
   */
  async lagBytes(primary: Promise<bigint | undefined>): Promise<number | undefined> {
    const replayed = this.#availability.isReachable ? this.replayed(this.#reserved) : undefined
    const late = new PlinthError('ConnectionFailed', `The replica did not answer within ${answerLimitMs} ms.`)
    const both = Promise.all([primary, replayed && within(replayed, answerLimitMs, late)])
    const [ahead, reached] = await both.catch(() => [])
    return ahead === undefined || reached === undefined ? undefined : Math.max(0, Number(ahead - reached))
  }

  health(lagBytes: number | undefined): ReplicaHealth {
    const { identity, state, since, failure, outage } = this.#availability
    const { host, port } = identity
    return {
      address: `${host}:${port}`,
      state,
      since,
      ...(lagBytes === undefined ? {} : { lagBytes }),
      ...(failure ? { error: { code: failure.code, message: failure.message } } : {}),
      ...(outage ? { outage } : {}),
      pool: this.pool.counts,
    }
  }

  async close(deadlineMs: number): Promise<void> {
    await this.pool.close(this.#availability.drain(), deadlineMs)
    await this.#reserved.close()
    await this.#availability.end()
  }
}

async function openStandby(options: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
  const connection = await Connection.open(options, signal)
  if (connection.role.isStandby) return connection
  await connection.close()
  throw new PlinthError('ConnectionFailed', `PostgreSQL at ${describeServer(options.url)} is not a standby.`, {
    phase: 'connect',
    retryable: true,
    hint: 'It may have been promoted. A server says that it is a standby from PostgreSQL 14 on.',
  })
}
