import type { ErrorCode } from '../errors.ts'
import type { State } from '../observe/observation.ts'
import type { PoolCounts } from '../observe/pool-counts.ts'
import type { TransactionHealth } from './transaction-counts.ts'

/** How a database is. Holds no row value, no user and no password. */
export interface Health {
  /** `up`: a statement was answered within the last 2 s, by a server that takes writes. */
  readonly status: 'up' | 'down'
  readonly state: State
  /** When the state began. */
  readonly since: Date
  /** When the server was last asked. */
  readonly checkedAt: Date
  /** How long it took to answer. */
  readonly latencyMs: number
  readonly error?: { readonly code: ErrorCode; readonly message: string }
  /** While it is away: how often connecting was tried, and when it is tried next. */
  readonly outage?: Outage
  /** As of the last answer; absent before the first. */
  readonly server?: ServerHealth
  /** Of those that `replicas` names; absent without them. */
  readonly replicas?: readonly ReplicaHealth[]
  readonly pool: PoolCounts
  readonly transactions: TransactionHealth
  readonly checks: readonly Check[]
}

export interface ServerHealth {
  /** `18.4`. */
  readonly version: string
  readonly role: 'primary' | 'standby'
  /** Eight hexadecimal digits; a promotion begins a new one. Absent on a standby. */
  readonly timeline?: string
  readonly startedAt: Date
  readonly tls: boolean
}

/** A server of the option `replicas`. */
export interface ReplicaHealth {
  /** Host and port. */
  readonly address: string
  /** `connected`: reads go there. `error` is also a server that is not a standby. */
  readonly state: State
  /** When the state began. */
  readonly since: Date
  /** What it has not replayed yet of the primary's log, where both answered. */
  readonly lagBytes?: number
  readonly error?: { readonly code: ErrorCode; readonly message: string }
  readonly outage?: Outage
  readonly pool: PoolCounts
}

export interface Check {
  /** `replicas`, where there are any: a warning while one of them is not connected. */
  readonly name: 'connection' | 'writable' | 'pool' | 'replicas'
  readonly status: 'pass' | 'warn' | 'fail'
}

/** While the server cannot be reached, or takes no writes. */
export interface Outage {
  readonly since: Date
  /** How often it was tried since then. */
  readonly attempts: number
  readonly nextAttemptAt: Date
}
