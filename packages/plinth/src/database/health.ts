import type { Pool } from '../driver/pool.ts'
import { toPlinthError } from '../driver/sqlstate.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import type { State } from '../observe/observation.ts'
import type { PoolCounts } from '../observe/pool-counts.ts'
import type { Availability } from './availability.ts'
import { closedError } from './availability-errors.ts'
import { within } from './deadline.ts'
import type { Check, Health, ReplicaHealth, ServerHealth } from './health-report.ts'
import { isFailure } from './held.ts'
import { toPosition } from './log-position.ts'
import type { Replicas } from './replicas.ts'
import type { ReservedConnection } from './reserved-connection.ts'
import type { TransactionCounts } from './transaction-counts.ts'

/** An answer this young is given again: probes of an orchestrator and of a load balancer come in heaps. */
const freshMs = 2000

/** A server that takes longer does not count as up. */
const patienceMs = 2000

const question = {
  text: `select current_setting('server_version'), pg_is_in_recovery(),
    case when not pg_is_in_recovery() then substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end,
    extract(epoch from pg_postmaster_start_time()) * 1000,
    coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
    current_setting('default_transaction_read_only')::bool,
    case when not pg_is_in_recovery() then pg_current_wal_lsn() end`,
  values: [],
}

interface Probed {
  readonly at: number
  readonly state: State
  readonly checkedAt: Date
  readonly latencyMs: number
  readonly isReadOnly: boolean
  /** Of the replicas. */
  readonly lagBytes: readonly (number | undefined)[]
  readonly error?: PlinthError
}

interface Answered {
  readonly server: ServerHealth
  readonly isReadOnly: boolean
  /** In its log; undefined on a standby. */
  readonly position: bigint | undefined
}

export interface HealthParts {
  readonly availability: Availability
  readonly reserved: ReservedConnection
  readonly pool: Pool
  readonly counts: TransactionCounts
  readonly replicas: Replicas | undefined
}

/** Asks on the reserved connection, so that a full pool is no reason to look dead; one question at a time for all. */
export class HealthProbe {
  readonly #parts: HealthParts
  #asking: Promise<Probed> | undefined
  #last: Probed | undefined
  #server: ServerHealth | undefined

  constructor(parts: HealthParts) {
    this.#parts = parts
  }

  async health(): Promise<Health> {
    const { availability, pool, counts } = this.#parts
    const probed = await this.#probed()
    const { checkedAt, latencyMs, error = availability.failure } = probed
    const replicas = this.#parts.replicas?.health(probed.lagBytes)
    const checks = checksOf(probed, pool.counts, replicas)
    return {
      status: checks.some(({ status }) => status === 'fail') ? 'down' : 'up',
      state: availability.state,
      since: availability.since,
      checkedAt,
      latencyMs,
      ...(error ? { error: { code: error.code, message: error.message } } : {}),
      ...(availability.outage ? { outage: availability.outage } : {}),
      ...(this.#server ? { server: this.#server } : {}),
      ...(replicas ? { replicas } : {}),
      pool: pool.counts,
      transactions: counts.read(),
      checks,
    }
  }

  #probed(): Promise<Probed> {
    if (
      this.#last &&
      performance.now() - this.#last.at < freshMs &&
      this.#last.state === this.#parts.availability.state
    )
      return Promise.resolve(this.#last)
    this.#asking ??= this.#probe().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Why it is away, where the library knows without asking. */
  #knownFailure(): PlinthError | undefined {
    const { availability } = this.#parts
    return availability.isEnding ? closedError() : availability.whyUnreachable
  }

  async #probe(): Promise<Probed> {
    const from = performance.now()
    const known = this.#knownFailure()
    const asked = known ?? this.#ask().catch(asPlinthError)
    const position = Promise.resolve(asked).then((answer) =>
      answer instanceof PlinthError ? undefined : answer.position,
    )
    const lags = this.#parts.replicas?.lagBytes(position)
    const answer = await asked
    const at = performance.now()
    const isAway = answer instanceof PlinthError
    const lagBytes = (await lags) ?? []
    this.#last = {
      at,
      state: this.#parts.availability.state,
      checkedAt: new Date(),
      latencyMs: Math.round(at - from),
      isReadOnly: !isAway && answer.isReadOnly,
      lagBytes,
      ...(isAway ? { error: answer } : {}),
    }
    if (isAway) return this.#last
    this.#server = answer.server
    if (answer.isReadOnly) this.#parts.availability.lookAgain()
    return this.#last
  }

  async #ask(): Promise<Answered> {
    const late = new PlinthError('ConnectionFailed', `The server did not answer within ${patienceMs} ms.`)
    const answers = await within(this.#parts.reserved.run([question], patienceMs), patienceMs, late)
    const [version = '', recovery, timeline, started, tls, readOnly, position] = answers[0]?.rows[0] ?? []
    const isStandby = recovery === 't'
    const server: ServerHealth = {
      version: version?.split(' ')[0] ?? '',
      role: isStandby ? 'standby' : 'primary',
      ...(timeline ? { timeline } : {}),
      startedAt: new Date(Number(started)),
      tls: tls === 't',
    }
    const isReadOnly = isStandby || readOnly === 't'
    return { server, isReadOnly, position: typeof position === 'string' ? toPosition(position) : undefined }
  }
}

function checksOf(
  { error, isReadOnly }: Probed,
  pool: PoolCounts,
  replicas: readonly ReplicaHealth[] | undefined,
): Check[] {
  const areAll = replicas?.every(({ state }) => state === 'connected')
  return [
    { name: 'connection', status: error ? 'fail' : 'pass' },
    { name: 'writable', status: isReadOnly ? 'fail' : 'pass' },
    { name: 'pool', status: pool.waiting > 0 ? 'warn' : 'pass' },
    ...(areAll === undefined ? [] : [{ name: 'replicas', status: areAll ? 'pass' : 'warn' } as const]),
  ]
}

function asPlinthError(error: unknown): PlinthError {
  if (isPlinthError(error)) return error
  const failure = isFailure(error) ? error : { error, answered: false }
  return toPlinthError(failure, { phase: 'statement', outcomeWhenLost: 'not applied' })
}
