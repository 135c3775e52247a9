import {
  type Attributes,
  type Context,
  context,
  type Meter,
  metrics,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import { boundedNames } from './bounded-names.ts'
import { durationBuckets } from './duration-buckets.ts'
import type { Failure } from './failure.ts'
import { incidentKinds } from './incidents.ts'
import type { DatabaseIdentity, Observation, ObservationOf } from './observation.ts'
import { gaugePools, poolName } from './otel-pool.ts'
import { onObservations, type ObservationListeners, type Subscription } from './subscribe.ts'
import { taskKey } from './task-key.ts'

export interface OpenTelemetryOptions {
  /** Default: that of the global provider. */
  readonly tracer?: Tracer
  /** Default: that of the global provider. */
  readonly meter?: Meter
  /** Spans of statements; the metrics are kept either way. Default true. */
  readonly statementSpans?: boolean
  /** Statement summaries that get a series of their own; what comes later shares `other`. Default 200. */
  readonly maxNames?: number
}

/**
 * Spans and metrics by OpenTelemetry's stable semantic conventions for databases (1.33 and later): a span per
 * transaction, below it one per attempt, below that one per statement.
 *
 *     const stop = openTelemetryObservations()
 */
export function openTelemetryObservations(options: OpenTelemetryOptions = {}): Subscription {
  const { tracer = trace.getTracer('plinth'), meter = metrics.getMeter('plinth') } = options
  const { statementSpans = true, maxNames = 200 } = options
  const measured = measure(meter, maxNames)
  const traced = traceSpans(tracer, statementSpans)
  const stopGauges = gaugePools(meter)
  const stop = onObservations({
    ...traced,
    ...measured,
    'statement.end': (observation) => {
      traced['statement.end']?.(observation)
      measured['statement.end']?.(observation)
    },
    'task.end': (observation) => {
      traced['task.end']?.(observation)
      measured['task.end']?.(observation)
    },
    'pool.wait': (observation) => {
      traced['pool.wait']?.(observation)
      measured['pool.wait']?.(observation)
    },
  })
  const end = (): void => {
    stop()
    stopGauges()
  }
  return Object.assign(end, { [Symbol.dispose]: end })
}

function traceSpans(tracer: Tracer, statementSpans: boolean): ObservationListeners {
  // By the transaction's id; as many as are open at once.
  const transactions = new Map<number, Span>()
  const attempts = new Map<number, Span>()
  const tasks = new Map<string, Span>()
  const parentOf = (id: number | undefined): Context => {
    const span = id === undefined ? undefined : (attempts.get(id) ?? transactions.get(id))
    return span ? trace.setSpan(context.active(), span) : context.active()
  }
  return {
    'transaction.begin': ({ database, transaction, readOnly }) => {
      const attributes = { ...serverOf(database), 'plinth.transaction.read_only': readOnly }
      transactions.set(transaction.id, tracer.startSpan(`transaction ${transaction.name}`, { attributes }))
    },
    'attempt.begin': ({ database, transaction: { id, attempt } }) => {
      const attributes = { ...serverOf(database), 'plinth.transaction.attempt': attempt }
      attempts.set(id, tracer.startSpan(`attempt ${attempt}`, { attributes }, parentOf(id)))
    },
    'attempt.end': (ended) => endSpan(attempts, ended),
    'transaction.end': (ended) => endSpan(transactions, ended),
    'task.begin': ({ database, task }) => {
      const attributes = { ...serverOf(database), 'plinth.task.id': task.id, 'plinth.task.attempt': task.attempt }
      tasks.set(taskKey(database, task), tracer.startSpan(`task ${task.name}`, { kind: SpanKind.CONSUMER, attributes }))
    },
    'task.end': ({ database, task, outcome, failure }) => {
      const key = taskKey(database, task)
      const span = tasks.get(key)
      tasks.delete(key)
      span?.setAttributes({ 'plinth.task.outcome': outcome, ...statusOf(failure) })
      if (span) failSpan(span, failure)
      span?.end()
    },
    'pool.wait': ({ database, ms, transaction, failure }) => {
      const options = { startTime: Date.now() - ms, attributes: serverOf(database) }
      const span = tracer.startSpan('pool wait', options, parentOf(transaction?.id))
      failSpan(span, failure)
      span.end()
    },
    'statement.end': (statement) => {
      if (!statementSpans) return
      const { database, summary, ms, rows, transaction, failure } = statement
      const attributes = {
        ...serverOf(database),
        ...operationOf(summary),
        ...statusOf(failure),
        'db.response.returned_rows': rows,
      }
      const startTime = Date.now() - ms
      const parent = parentOf(transaction?.id)
      const span = tracer.startSpan(summary, { kind: SpanKind.CLIENT, startTime, attributes }, parent)
      failSpan(span, failure)
      span.end()
    },
  }
}

function endSpan(spans: Map<number, Span>, ended: ObservationOf<'attempt.end' | 'transaction.end'>): void {
  const { transaction, outcome, failure } = ended
  const span = spans.get(transaction.id)
  spans.delete(transaction.id)
  if (!span) return
  span.setAttributes({ 'plinth.transaction.outcome': outcome, ...statusOf(failure) })
  if (ended.kind === 'transaction.end') span.setAttribute('plinth.transaction.attempts', transaction.attempt)
  failSpan(span, failure)
  span.end()
}

function failSpan(span: Span, failure: Failure | undefined): void {
  if (failure) span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message })
}

function measure(meter: Meter, maxNames: number): ObservationListeners {
  const names = boundedNames(maxNames)
  const taskNames = boundedNames(maxNames)
  // Two SQLSTATEs can be anything a RAISE says; the two labels share one bound.
  const codes = boundedNames(100)
  const duration = (name: string, description: string) =>
    meter.createHistogram(name, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: [...durationBuckets] },
    })
  const operations = duration('db.client.operation.duration', 'Duration of database client operations.')
  const waits = duration('db.client.connection.wait_time', 'The time it took to obtain a connection from the pool.')
  const creations = duration('db.client.connection.create_time', 'The time it took to create a new connection.')
  const timeouts = meter.createCounter('db.client.connection.timeouts', {
    description: 'The number of connection requests that timed out.',
    unit: '{timeout}',
  })
  const tasks = duration('plinth.task.duration', 'Duration of attempts at background tasks.')
  const retries = meter.createCounter('plinth.retries', { description: 'Attempts made again.', unit: '{attempt}' })
  const lost = meter.createCounter('plinth.commits.lost', {
    description: 'Commits whose answer was lost.',
    unit: '{commit}',
  })
  const incidents = meter.createCounter('plinth.incidents', {
    description: 'What should not happen: see docs/guides/telemetry.md.',
    unit: '{incident}',
  })
  const count = ({ kind, database }: Observation): void =>
    incidents.add(1, { ...serverOf(database), 'plinth.incident.kind': kind })
  return {
    'statement.end': ({ database, summary, ms, failure }) => {
      const known = names(summary)
      const operation = known === summary ? operationOf(summary) : { 'db.query.summary': known }
      operations.record(ms / 1000, { ...serverOf(database), ...operation, ...statusOf(failure, codes) })
    },
    'pool.wait': ({ database, ms, failure }) => {
      waits.record(ms / 1000, poolOf(database))
      if (failure?.code === 'PoolTimeout') timeouts.add(1, poolOf(database))
    },
    'connection.open': ({ database, ms }) => creations.record(ms / 1000, poolOf(database)),
    retry: ({ database, what, failure }) =>
      retries.add(1, { ...serverOf(database), 'plinth.retry.what': what, ...statusOf(failure, codes) }),
    'task.end': ({ database, task: { name }, outcome, ms }) =>
      tasks.record(ms / 1000, {
        ...serverOf(database),
        'plinth.task.name': taskNames(name),
        'plinth.task.outcome': outcome,
      }),
    'task.retry': ({ database, failure }) =>
      retries.add(1, { ...serverOf(database), 'plinth.retry.what': 'task', ...statusOf(failure, codes) }),
    'commit.resolved': ({ database, isCommitted }) =>
      lost.add(1, { ...serverOf(database), 'plinth.commit.fate': isCommitted ? 'committed' : 'rolled back' }),
    'commit.unknown': ({ database }) => lost.add(1, { ...serverOf(database), 'plinth.commit.fate': 'unknown' }),
    ...Object.fromEntries(incidentKinds.map((kind) => [kind, count])),
  }
}

function serverOf({ host, port, database }: DatabaseIdentity): Attributes {
  return {
    'db.system.name': 'postgresql',
    'db.namespace': database,
    'server.address': host,
    'server.port': port,
  }
}

function poolOf(database: DatabaseIdentity): Attributes {
  return { 'db.client.connection.pool.name': poolName(database) }
}

/** The collection only where there is one: of several, the summary says them all. */
function operationOf(summary: string): Attributes {
  const { operation, targets } = partsOf(summary)
  return {
    'db.query.summary': summary,
    'db.operation.name': operation,
    ...(targets.length === 1 ? { 'db.collection.name': targets[0] } : {}),
  }
}

const rowOperations: ReadonlySet<string> = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'VALUES'])
const definitions: ReadonlySet<string> = new Set(['CREATE', 'ALTER', 'DROP', 'REFRESH', 'COMMENT', 'REINDEX'])

/** `CREATE TABLE users` is an operation of two words; a table may be written in capitals. */
function partsOf(summary: string): { operation: string; targets: readonly string[] } {
  const words = summary.split(' ')
  const isKind = (word: string, i: number): boolean =>
    i === 1 && definitions.has(words[0] ?? '') && /^[A-Z]+$/.test(word)
  const isOperation = (word: string, i: number): boolean => i === 0 || rowOperations.has(word) || isKind(word, i)
  const targets = words.filter((word, i) => !isOperation(word, i))
  return { operation: words.filter((word, i) => i === 0 || isKind(word, i)).join(' '), targets }
}

function statusOf(failure: Failure | undefined, bound: (code: string) => string = (code) => code): Attributes {
  if (!failure) return {}
  const { sqlstate, code } = failure
  return {
    'error.type': bound(sqlstate ?? code),
    ...(sqlstate === undefined ? {} : { 'db.response.status_code': bound(sqlstate) }),
  }
}
