import type { PlinthError } from '../errors.ts'
import type { DatabaseIdentity } from '../observe/observation.ts'
import type { Connection } from './connection.ts'

export interface PoolLimits {
  readonly max: number
  /** Connections kept although idle, once `keepWarm` was called; shared lanes count. */
  readonly warm: number
  readonly sharedLanes: number
  readonly acquireTimeoutMs: number
  readonly maxWaiting: number
  readonly idleTimeoutMs: number
  /** Of a connection, less up to 10 % at random: those opened together are not replaced together. */
  readonly lifetimeMs: number
  readonly leakAfterMs: number
}

export interface PoolOptions {
  readonly limits: PoolLimits
  readonly identity: DatabaseIdentity
  readonly open: () => Promise<Connection>
  /** Explains a wait that timed out because the server cannot be reached. */
  readonly whyAway: () => PlinthError | undefined
  /** The holders in whose callbacks the caller of `acquire` is. */
  readonly enclosing: () => ReadonlySet<object>
}
