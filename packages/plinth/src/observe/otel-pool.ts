import type { BatchObservableResult, Meter } from '@opentelemetry/api'
import type { DatabaseIdentity } from './observation.ts'
import { type PoolCounts, readPools } from './pool-counts.ts'

/** `db.client.connection.pool.name`, as the conventions advise where a pool has no name: what tells it from others. */
export function poolName({ service, host, port, database }: DatabaseIdentity): string {
  return `${service} ${host}:${port}/${database}`
}

/**
 * Gauges of the pools by the semantic conventions, and two of ours, read when the SDK collects. The returned function
 * ends them.
 */
export function gaugePools(meter: Meter): () => void {
  const gauges = createGauges(meter)
  const observables = Object.values(gauges)
  let earlier: ReadonlyMap<string, PoolCounts> = new Map()
  const observe = (result: BatchObservableResult): void => {
    const pools = readPools(poolName)
    // The SDK goes on telling the last value of a pool that is silent (sdk-metrics 2.12), so its end is told once.
    for (const name of earlier.keys()) if (!pools.has(name)) observePool(result, gauges, name, closedPool)
    for (const [name, pool] of pools) observePool(result, gauges, name, pool)
    earlier = pools
  }
  meter.addBatchObservableCallback(observe, observables)
  return () => meter.removeBatchObservableCallback(observe, observables)
}

const closedPool: PoolCounts = { max: 0, total: 0, idle: 0, busy: 0, waiting: 0, oldestWaitMs: 0, leaks: 0 }

type Gauges = ReturnType<typeof createGauges>

function createGauges(meter: Meter) {
  const many = (name: string, unit: string, description: string) =>
    meter.createObservableUpDownCounter(name, { unit, description })
  return {
    count: many(
      'db.client.connection.count',
      '{connection}',
      'The number of connections that are currently in state described by the state attribute.',
    ),
    max: many('db.client.connection.max', '{connection}', 'The maximum number of open connections allowed.'),
    pending: many(
      'db.client.connection.pending_requests',
      '{request}',
      'The number of current pending requests for an open connection.',
    ),
    oldest: meter.createObservableGauge('plinth.pool.oldest_wait', {
      unit: 's',
      description: 'How long the first of the pending requests has waited.',
    }),
    leaks: meter.createObservableCounter('plinth.pool.leaks', {
      unit: '{connection}',
      description: 'Connections that were held too long, or given back with work open.',
    }),
  }
}

function observePool(
  result: BatchObservableResult,
  { count, max, pending, oldest, leaks }: Gauges,
  name: string,
  pool: PoolCounts,
): void {
  const attributes = { 'db.client.connection.pool.name': name }
  const opening = pool.total - pool.idle - pool.busy
  for (const [state, connections] of Object.entries({ idle: pool.idle, used: pool.busy, opening }))
    result.observe(count, connections, { ...attributes, 'db.client.connection.state': state })
  result.observe(max, pool.max, attributes)
  result.observe(pending, pool.waiting, attributes)
  result.observe(oldest, pool.oldestWaitMs / 1000, attributes)
  result.observe(leaks, pool.leaks, attributes)
}
