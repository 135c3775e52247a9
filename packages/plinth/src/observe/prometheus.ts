import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { boundedNames } from './bounded-names.ts'
import { durationBuckets } from './duration-buckets.ts'
import type { Failure } from './failure.ts'
import { incidentKinds } from './incidents.ts'
import type { State } from './observation.ts'
import { type PoolCounts, readPools, readStates } from './pool-counts.ts'
import { onObservations, type ObservationListeners, type Subscription } from './subscribe.ts'
import { taskKey } from './task-key.ts'

export interface PrometheusOptions {
  /** Before each metric's name. Default `plinth_`. */
  readonly prefix?: string
  /** Upper bounds of the histograms' buckets, in seconds. Default: OpenTelemetry's for database calls, 1 ms to 10 s. */
  readonly buckets?: readonly number[]
  /**
   * Statement summaries, and names of transactions, that get a series; what comes later shares `other`. Default 200.
   */
  readonly maxNames?: number
}

/** SQLSTATEs can be made up by RAISE. */
const maxCodes = 100
const states: readonly State[] = ['disconnected', 'connecting', 'connected', 'error', 'draining', 'closed']

/**
 * Counts what is observed in `registry`. The returned function stops it and takes the metrics out of the registry.
 *
 *     const stop = prometheusObservations(register)
 */
export function prometheusObservations(registry: Registry, options: PrometheusOptions = {}): Subscription {
  const { prefix = 'plinth_', buckets = durationBuckets, maxNames = 200 } = options
  const metrics = new Metrics(registry, prefix, [...buckets])
  const stop = onObservations({
    ...statements(metrics, maxNames),
    ...transactions(metrics, maxNames),
    ...tasks(metrics, maxNames),
    ...connections(metrics),
    ...incidents(metrics),
  })
  pools(metrics)
  const end = (): void => {
    stop()
    metrics.remove()
  }
  return Object.assign(end, { [Symbol.dispose]: end })
}

/** Makes the metrics of one subscription, and takes them away with it. */
class Metrics {
  readonly #registry: Registry
  readonly #prefix: string
  readonly #buckets: number[]
  readonly #names: string[] = []
  readonly #codes = boundedNames(maxCodes)

  constructor(registry: Registry, prefix: string, buckets: number[]) {
    this.#registry = registry
    this.#prefix = prefix
    this.#buckets = buckets
  }

  counter(name: string, help: string, ...labels: readonly string[]): Counter {
    return new Counter(this.#configuration(name, help, labels))
  }

  gauge(name: string, help: string, ...labels: readonly string[]): Gauge {
    return new Gauge(this.#configuration(name, help, labels))
  }

  /** Read when it is scraped: `tell` sets the values of one pool. A handle that was closed takes its series along. */
  poolGauge(name: string, help: string, tell: (pool: PoolCounts, set: SetValue) => void): void {
    new Gauge({
      ...this.#configuration(name, help, ['state']),
      collect() {
        this.reset()
        for (const [service, pool] of readPools((database) => database.service))
          tell(pool, (value, labels) => this.set({ service, ...labels }, value))
      },
    })
  }

  /** Likewise: how many handles are in each state. */
  stateGauge(name: string, help: string): void {
    new Gauge({
      ...this.#configuration(name, help, ['state']),
      collect() {
        this.reset()
        for (const [service, counts] of readStates((database) => database.service))
          for (const state of states) this.set({ service, state }, counts.get(state) ?? 0)
      },
    })
  }

  seconds(name: string, help: string, ...labels: readonly string[]): Histogram {
    return new Histogram({ ...this.#configuration(name, help, labels), buckets: this.#buckets })
  }

  code(failure: Failure): string {
    return this.#codes(failure.sqlstate ?? failure.code)
  }

  remove(): void {
    for (const name of this.#names) this.#registry.removeSingleMetric(name)
  }

  #configuration(
    name: string,
    help: string,
    labels: readonly string[],
  ): { name: string; help: string; labelNames: string[]; registers: Registry[] } {
    this.#names.push(this.#prefix + name)
    return { name: this.#prefix + name, help, labelNames: ['service', ...labels], registers: [this.#registry] }
  }
}

function statements(metrics: Metrics, maxNames: number): ObservationListeners {
  const names = boundedNames(maxNames)
  const seconds = metrics.seconds('statement_duration_seconds', 'Time of statements.', 'summary', 'result')
  const errors = metrics.counter('statement_errors_total', 'Statements that failed.', 'code')
  return {
    'statement.end': ({ database: { service }, summary, ms, failure }) => {
      seconds.observe({ service, summary: names(summary), result: failure ? 'error' : 'ok' }, ms / 1000)
      if (failure) errors.inc({ service, code: metrics.code(failure) })
    },
  }
}

function transactions(metrics: Metrics, maxNames: number): ObservationListeners {
  const names = boundedNames(maxNames)
  const help = 'Time of transactions, their attempts and waits together.'
  const seconds = metrics.seconds('transaction_duration_seconds', help, 'name', 'outcome')
  const running = metrics.gauge('transactions_running', 'Transactions begun and not ended.')
  // Those begun before this subscription are not counted at their end either. As many as are open at once.
  const begun = new Set<number>()
  return {
    'transaction.begin': ({ database: { service }, transaction }) => {
      begun.add(transaction.id)
      running.inc({ service })
    },
    'transaction.end': ({ database: { service }, transaction, outcome, ms }) => {
      seconds.observe({ service, name: names(transaction.name), outcome }, ms / 1000)
      if (begun.delete(transaction.id)) running.dec({ service })
    },
  }
}

function tasks(metrics: Metrics, maxNames: number): ObservationListeners {
  const names = boundedNames(maxNames)
  const seconds = metrics.seconds('task_duration_seconds', 'Time of attempts at tasks.', 'name', 'outcome')
  const running = metrics.gauge('tasks_running', 'Tasks at the workers of this process.')
  // As for transactions: by id and attempt.
  const begun = new Set<string>()
  return {
    'task.begin': ({ database, task }) => {
      begun.add(taskKey(database, task))
      running.inc({ service: database.service })
    },
    'task.end': ({ database, task, outcome, ms }) => {
      const { service } = database
      seconds.observe({ service, name: names(task.name), outcome }, ms / 1000)
      if (begun.delete(taskKey(database, task))) running.dec({ service })
    },
  }
}

function connections(metrics: Metrics): ObservationListeners {
  const opened = metrics.seconds('connection_open_seconds', 'Time to open a connection.')
  const lost = metrics.counter('connections_lost_total', 'Connections that broke.', 'code')
  const waits = metrics.seconds('pool_wait_seconds', 'Time callers waited for a connection.', 'result')
  return {
    'connection.open': ({ database: { service }, ms }) => opened.observe({ service }, ms / 1000),
    'connection.lost': ({ database: { service }, failure }) => lost.inc({ service, code: metrics.code(failure) }),
    'pool.wait': ({ database: { service }, ms, failure }) =>
      waits.observe({ service, result: failure ? 'refused' : 'served' }, ms / 1000),
  }
}

type SetValue = (value: number, labels?: { readonly state: string }) => void

function pools(metrics: Metrics): void {
  metrics.stateGauge('connection_state', 'Database handles in each state; one that was closed is in none.')
  const states = 'Connections there are; their sum over the states is the total.'
  metrics.poolGauge('pool_connections', states, ({ total, idle, busy }, set) => {
    set(idle, { state: 'idle' })
    set(busy, { state: 'busy' })
    set(total - idle - busy, { state: 'opening' })
  })
  metrics.poolGauge('pool_connections_max', 'Connections there may be.', ({ max }, set) => set(max))
  metrics.poolGauge('pool_waiting', 'Callers that wait for a connection.', ({ waiting }, set) => set(waiting))
  const oldest = 'How long the first of them has waited.'
  metrics.poolGauge('pool_oldest_wait_seconds', oldest, ({ oldestWaitMs }, set) => set(oldestWaitMs / 1000))
  const leaks = 'Connections that were held too long, or given back with work open.'
  metrics.poolGauge('pool_leaks', leaks, (pool, set) => set(pool.leaks))
}

function incidents(metrics: Metrics): ObservationListeners {
  const retries = metrics.counter('retries_total', 'Attempts that failed and were made again.', 'what', 'code')
  const fates = metrics.counter('lost_commits_total', 'Commits whose answer was lost.', 'fate')
  const incident = metrics.counter('incidents_total', 'What should not happen; see docs/guides/telemetry.md.', 'kind')
  const count = ({ kind, database: { service } }: { kind: string; database: { service: string } }): void =>
    incident.inc({ service, kind })
  return {
    retry: ({ database: { service }, what, failure }) => retries.inc({ service, what, code: metrics.code(failure) }),
    'task.retry': ({ database: { service }, failure }) =>
      retries.inc({ service, what: 'task', code: metrics.code(failure) }),
    'commit.resolved': ({ database: { service }, isCommitted }) =>
      fates.inc({ service, fate: isCommitted ? 'committed' : 'rolled back' }),
    'commit.unknown': ({ database: { service } }) => fates.inc({ service, fate: 'unknown' }),
    ...Object.fromEntries(incidentKinds.map((kind) => [kind, count])),
  }
}
