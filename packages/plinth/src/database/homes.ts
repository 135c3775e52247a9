import { Pool } from '../driver/pool.ts'
import type { PoolLimits } from '../driver/pool-options.ts'
import { answerPoolQuestions } from '../observe/pool-counts.ts'
import type { Availability } from './availability.ts'
import { resolveCommit } from './commit-resolution.ts'
import { enclosingHolders } from './context.ts'
import type { ServerDefaults } from './first-question.ts'
import { watchHttp } from './http-watch.ts'
import { FaultMode } from './fault-mode.ts'
import { HealthProbe } from './health.ts'
import { LaneChoice } from './lane-choice.ts'
import type { DatabaseSettings } from './options.ts'
import { remember } from './origin.ts'
import { ReservedConnection } from './reserved-connection.ts'
import { Replicas } from './replicas.ts'
import { RetryBudget } from './retry-budget.ts'
import type { SingleHome } from './single.ts'
import type { TransactionHome } from './transaction.ts'
import { TransactionCounts } from './transaction-counts.ts'

/** The parts of one database, and what single statements and transactions need of them. */
export interface Homes {
  readonly pool: Pool
  /** One connection beyond `pool`: see `runIndependent`. */
  readonly spare: Pool
  /** Another one, for a session that is kept beside the work of the pool: see `SessionOptions`. */
  readonly beside: Pool
  readonly reserved: ReservedConnection
  /** Undefined where the options name none. */
  readonly replicas: Replicas | undefined
  readonly singles: SingleHome
  readonly transactions: TransactionHome
  readonly health: HealthProbe
  readonly stopWatching: () => void
}

/** Statement texts whose kind and speed are remembered. */
const knownTexts = 1000

export function makeHomes(
  database: object,
  settings: DatabaseSettings,
  availability: Availability,
  defaults: ServerDefaults,
): Homes {
  const { limits, pingAfterMs, misuse, statementTimeoutMs, lockTimeoutMs, idleInTransactionTimeoutMs } = settings
  const { identity } = settings.connection
  remember(database, identity)
  const openPool = (of: PoolLimits): Pool =>
    new Pool({
      limits: of,
      identity,
      open: () => availability.open(),
      whyAway: () => availability.whyUnreachable,
      enclosing: enclosingHolders,
    })
  const pool = openPool(limits)
  const spare = openPool({ ...limits, max: 1, sharedLanes: 0 })
  const beside = openPool({ ...limits, max: 1, sharedLanes: 0 })
  const pools = [pool, spare, beside]
  const leaveServer = (): void => {
    for (const one of pools) one.leave(() => true)
    availability.lookAgain()
  }
  // What was opened to a server that took no writes may refuse them for as long as it lives.
  availability.on(({ to }) => {
    if (to === 'connected') for (const one of pools) one.leave(({ role }) => role.isReadOnly)
  })
  availability.servedBy(() => {
    const { idle, busy } = pool.counts
    return idle + busy > 0
  })
  const replicas = settings.replicas.length > 0 ? new Replicas(settings) : undefined
  const position = replicas?.position
  const reserved = new ReservedConnection(settings.open)
  const budget = new RetryBudget()
  const counts = new TransactionCounts()
  const { sharedLanes } = limits
  const acquire: Pool['acquire'] = (...wanted) => pool.acquire(...wanted)
  const stopGauges = answerPoolQuestions(() => ({
    database: identity,
    state: availability.state,
    pool: pool.counts,
  }))
  const stopHttp = watchHttp(database, identity, misuse)
  const faults = settings.faults && new FaultMode(settings.faults, limits)
  return {
    pool,
    spare,
    beside,
    reserved,
    replicas,
    singles: {
      identity,
      pool,
      lanes: new LaneChoice(knownTexts),
      leaveServer,
      sharedLanes,
      statementTimeoutMs,
      pooler: settings.connection.pooler,
      budget,
      defaults,
      pingAfterMs,
      position,
    },
    transactions: {
      database,
      identity,
      defaults,
      misuse,
      isFree: () => pool.hasRoom,
      acquire: faults ? (...wanted) => faults.acquire(() => acquire(...wanted)) : acquire,
      release: (connection) => pool.release(connection),
      leaveServer,
      statementTimeoutMs,
      lockTimeoutMs,
      idleInTransactionTimeoutMs,
      budget,
      faults,
      counts,
      position,
      resolveCommit: (...lost) => resolveCommit(reserved, ...lost),
    },
    health: new HealthProbe({ availability, reserved, pool, counts, replicas }),
    stopWatching: () => {
      stopGauges()
      stopHttp()
    },
  }
}
