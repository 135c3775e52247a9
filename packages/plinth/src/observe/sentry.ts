import * as Sentry from '@sentry/node'
import { type Failure, originalOf } from './failure.ts'
import type { DatabaseIdentity, Observation, ObservationOf } from './observation.ts'
import { onObservations, type ObservationListeners, type Subscription } from './subscribe.ts'
import { taskKey } from './task-key.ts'

export interface SentryOptions {
  /**
   * Whether a failure becomes an event. Default: all but `Cancelled` of Plinth's own errors; what the caller's code
   * threw is the caller's to report.
   */
  readonly isReported?: (failure: Failure) => boolean
  /** Spans of statements. Default true. */
  readonly statementSpans?: boolean
}

/**
 * Spans of transactions, their attempts, their statements and the waits for a connection; breadcrumbs of what happened
 * before an error; each error once, after the last attempt, grouped by SQLSTATE and statement summary. Call it after
 * `Sentry.init`. An event holds neither PostgreSQL's words nor the causes of the error, for both quote row values.
 *
 *     const stop = sentryObservations()
 */
export function sentryObservations(options: SentryOptions = {}): Subscription {
  const { isReported = isOurs, statementSpans = true } = options
  const spans = traceSpans(statementSpans)
  const report = (failure: Failure, about: Tags): void => {
    if (isReported(failure)) capture(failure, about)
  }
  return onObservations({
    ...breadcrumbs(),
    ...spans,
    'pool.wait': (wait) => {
      spans['pool.wait']?.(wait)
      breadcrumb(wait, wait.failure ? 'warning' : 'info', `waited ${Math.round(wait.ms)} ms for a connection`)
    },
    'statement.end': (statement) => {
      spans['statement.end']?.(statement)
      const { summary, ms, transaction, failure } = statement
      breadcrumb(statement, failure ? 'error' : 'info', `${summary}, ${Math.round(ms)} ms${because(failure)}`)
      // In a transaction its end decides: the statement may be run again, or stand in a savepoint.
      if (failure && !transaction) report(failure, { database: statement.database, summary })
    },
    'transaction.end': (ended) => {
      spans['transaction.end']?.(ended)
      const { database, transaction, failure } = ended
      if (failure) report(failure, { database, transaction: transaction.name, attempts: transaction.attempt })
    },
    // Nobody else gets this error, so that of the caller's own code is reported too.
    'task.dead': ({ database, task: { name, attempt }, failure }) => {
      if ((options.isReported ?? (() => true))(failure)) capture(failure, { database, task: name, attempts: attempt })
    },
    'worker.failed': ({ database, failure }) => report(failure, { database }),
    'hook.failed': ({ database, transaction, failure }) => report(failure, { database, transaction }),
  })
}

interface Tags {
  readonly database: DatabaseIdentity
  /** For a failure that does not know its statement: pg's own, through `db.pgPool()`. */
  readonly summary?: string
  readonly transaction?: string
  readonly task?: string
  readonly attempts?: number
}

function isOurs({ code, outcome, sqlstate }: Failure): boolean {
  return code !== 'Cancelled' && (outcome !== undefined || sqlstate !== undefined)
}

/**
 * The original goes to Sentry, which marks it as seen: whoever captures it again further up adds no second event. Of
 * what Sentry makes of it only the stack is kept.
 */
function capture(failure: Failure, about: Tags): void {
  const { code, message, sqlstate, phase, outcome } = failure
  const summary = failure.summary ?? about.summary
  Sentry.withScope((scope) => {
    scope.setFingerprint(['plinth', sqlstate ?? code, summary ?? about.transaction ?? about.task ?? ''])
    scope.setTags({
      'plinth.code': code,
      'plinth.service': about.database.service,
      ...definedOnly({ 'plinth.sqlstate': sqlstate, 'plinth.phase': phase, 'plinth.outcome': outcome }),
      ...definedOnly({ 'plinth.transaction': about.transaction, 'plinth.attempts': about.attempts }),
      ...definedOnly({ 'plinth.statement': summary, 'plinth.task': about.task }),
    })
    scope.addEventProcessor((event) => {
      const thrown = event.exception?.values?.at(-1)
      // Where `includeLocalVariables` is on, a frame has the values of its variables.
      const frames = thrown?.stacktrace?.frames?.map(({ vars: _, ...frame }) => frame)
      const stack = { stacktrace: frames && { frames }, mechanism: thrown?.mechanism }
      const clean = { type: `${code}Error`, value: message, ...definedOnly(stack) }
      const { extra: _extra, contexts = {}, ...kept } = event
      const known = Object.entries(contexts).filter(([name]) => ownContexts.has(name))
      return { ...kept, contexts: Object.fromEntries(known), exception: { values: [clean] } }
    })
    Sentry.captureException(originalOf(failure))
  })
}

/** Integrations put the fields of an error under its name, `detail` of pg's among them. */
const ownContexts: ReadonlySet<string> = new Set('app cloud_resource culture device os runtime trace'.split(' '))

function definedOnly<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as { [K in keyof T]?: NonNullable<T[K]> }
}

function traceSpans(statementSpans: boolean): ObservationListeners {
  // By the transaction's id; as many as are open at once.
  const transactions = new Map<number, Sentry.Span>()
  const attempts = new Map<number, Sentry.Span>()
  const tasks = new Map<string, Sentry.Span>()
  const below = (id: number | undefined): { parentSpan?: Sentry.Span } => {
    const parentSpan = id === undefined ? undefined : (attempts.get(id) ?? transactions.get(id))
    return parentSpan ? { parentSpan } : {}
  }
  return {
    'transaction.begin': ({ database, transaction: { id, name }, readOnly }) => {
      const attributes = { ...attributesOf(database), 'plinth.transaction.read_only': readOnly }
      transactions.set(id, Sentry.startInactiveSpan({ name: `transaction ${name}`, op: 'db.transaction', attributes }))
    },
    'attempt.begin': ({ database, transaction: { id, attempt } }) => {
      const attributes = { ...attributesOf(database), 'plinth.transaction.attempt': attempt }
      const name = `attempt ${attempt}`
      attempts.set(id, Sentry.startInactiveSpan({ name, op: 'db.transaction.attempt', attributes, ...below(id) }))
    },
    'attempt.end': (ended) => endSpan(attempts, ended),
    'transaction.end': (ended) => endSpan(transactions, ended),
    'task.begin': ({ database, task }) => {
      const attributes = { ...attributesOf(database), 'plinth.task.id': task.id, 'plinth.task.attempt': task.attempt }
      const span = Sentry.startInactiveSpan({ name: `task ${task.name}`, op: 'queue.process', attributes })
      tasks.set(taskKey(database, task), span)
    },
    'task.end': ({ database, task, outcome, failure }) => {
      const key = taskKey(database, task)
      const span = tasks.get(key)
      tasks.delete(key)
      if (!span) return
      span.setAttribute('plinth.task.outcome', outcome)
      setStatus(span, failure)
      span.end()
    },
    'pool.wait': ({ database, ms, transaction, failure }) =>
      pastSpan('pool wait', 'db.pool.wait', ms, attributesOf(database), failure, below(transaction?.id)),
    'statement.end': ({ database, summary, ms, rows, transaction, failure }) => {
      const attributes = { ...attributesOf(database), 'db.query.summary': summary, 'db.response.returned_rows': rows }
      if (statementSpans) pastSpan(summary, 'db.query', ms, attributes, failure, below(transaction?.id))
    },
  }
}

function attributesOf({ service, host, port, database }: DatabaseIdentity): Record<string, string | number> {
  return {
    'db.system.name': 'postgresql',
    'db.namespace': database,
    'server.address': host,
    'server.port': port,
    'plinth.service': service,
  }
}

function pastSpan(
  name: string,
  op: string,
  ms: number,
  attributes: Record<string, string | number>,
  failure: Failure | undefined,
  parent: { parentSpan?: Sentry.Span },
): void {
  // Sentry takes seconds.
  const startTime = (Date.now() - ms) / 1000
  const span = Sentry.startInactiveSpan({ name, op, startTime, attributes, ...parent })
  setStatus(span, failure)
  span.end()
}

function endSpan(spans: Map<number, Sentry.Span>, ended: ObservationOf<'attempt.end' | 'transaction.end'>): void {
  const { transaction, outcome, failure } = ended
  const span = spans.get(transaction.id)
  spans.delete(transaction.id)
  if (!span) return
  span.setAttribute('plinth.transaction.outcome', outcome)
  if (ended.kind === 'transaction.end') span.setAttribute('plinth.transaction.attempts', transaction.attempt)
  setStatus(span, failure)
  span.end()
}

const [ok, failed] = [1, 2] as const

function setStatus(span: Sentry.Span, failure: Failure | undefined): void {
  span.setStatus(failure ? { code: failed, message: failure.message } : { code: ok })
  if (failure?.sqlstate !== undefined) span.setAttribute('db.response.status_code', failure.sqlstate)
}

function breadcrumbs(): ObservationListeners {
  return {
    'connection.state': (change) =>
      breadcrumb(change, change.to === 'error' ? 'error' : 'info', `${change.to}${because(change.failure)}`),
    'connection.lost': (lost) => breadcrumb(lost, 'warning', `lost a connection${because(lost.failure)}`),
    'pool.oversized': (pool) =>
      breadcrumb(pool, 'warning', `pool.max ${pool.max} is more than the ${pool.limit} of ${pool.by}`),
    leak: (leak) => breadcrumb(leak, 'error', 'a connection was not given back, or with work still open'),
    retry: (retry) => breadcrumb(retry, 'warning', `attempt ${retry.attempt} failed${because(retry.failure)}`),
    'retry.refused': (retry) => breadcrumb(retry, 'warning', `not run again${because(retry.failure)}`),
    'commit.resolved': (fate) => breadcrumb(fate, 'warning', `the lost COMMIT of "${fate.transaction}" was found out`),
    'commit.unknown': (fate) => breadcrumb(fate, 'error', `the lost COMMIT of "${fate.transaction}" stays unknown`),
    'commit.unreplicated': (commit) => breadcrumb(commit, 'error', 'committed without its synchronous standby'),
    'transaction.forgotten': (forgotten) => breadcrumb(forgotten, 'error', `"${forgotten.transaction}" was left open`),
    'task.retry': (retry) =>
      breadcrumb(retry, 'warning', `task "${retry.task.name}" runs again${because(retry.failure)}`),
    misuse: (misuse) => breadcrumb(misuse, 'warning', `${misuse.what} inside "${misuse.transaction}"`),
  }
}

function breadcrumb({ kind, database }: Observation, level: Sentry.SeverityLevel, text: string): void {
  const message = `${database.service}: ${text}`
  Sentry.addBreadcrumb({ category: `plinth.${kind}`, type: 'query', level, message })
}

function because(failure: Failure | undefined): string {
  return failure ? `: ${failure.message}` : ''
}
