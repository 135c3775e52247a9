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

export interface Check {
  readonly name: 'connection' | 'writable' | 'pool'
  readonly status: 'pass' | 'warn' | 'fail'
}

/** While the server cannot be reached. */
export interface Outage {
  readonly attempts: number
  readonly nextAttemptAt: Date
}
