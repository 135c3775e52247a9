import type { Failure } from './failure.ts'
import {
  type Observation,
  type ObservationKind,
  type ObservationOf,
  observationKinds,
  type TaskRef,
} from './observation.ts'
import { onObservations, type Subscription } from './subscribe.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error'

/** What pino's loggers have, and fastify's `log`. */
export type Logger = { readonly [L in LogLevel]: (fields: object, message: string) => void }

export interface LogOptions {
  /** A statement that took longer is a warning. Default 1,000. */
  readonly slowStatementMs?: number
  /** A transaction that took longer, its attempts and its waits together, is a warning. Default 3,000. */
  readonly slowTransactionMs?: number
  /**
   * Another level for a kind, whatever happened; `silent` leaves it out. Default: the table in
   * docs/guides/telemetry.md.
   */
  readonly levels?: { readonly [K in ObservationKind]?: LogLevel | 'silent' }
}

interface Entry {
  readonly level: LogLevel
  readonly message: string
}

type Limits = Required<Pick<LogOptions, 'slowStatementMs' | 'slowTransactionMs'>>

/**
 * Logs what is observed. The fields of an entry are those of the observation, so nothing secret can be among them.
 *
 *     const stop = logObservations(pino())
 */
export function logObservations(logger: Logger, options: LogOptions = {}): Subscription {
  const { slowStatementMs = 1000, slowTransactionMs = 3000, levels = {} } = options
  const limits = { slowStatementMs, slowTransactionMs }
  const log = (observation: Observation): void => {
    const { level, message } = describe(observation, limits)
    const { kind, database, ...fields } = observation
    const chosen = levels[kind] ?? level
    if (chosen !== 'silent') logger[chosen]({ observation: kind, database, ...fields }, message)
  }
  const heard = observationKinds.filter((kind) => levels[kind] !== 'silent')
  return onObservations(Object.fromEntries(heard.map((kind) => [kind, log])))
}

function describe(observation: Observation, limits: Limits): Entry {
  const { service } = observation.database
  switch (observation.kind) {
    case 'connection.state':
      return ofState(observation)
    case 'replica.state':
      return ofReplica(observation)
    case 'connection.open':
      return { level: 'debug', message: `${service} opened a connection` }
    case 'connection.lost':
      return { level: 'warn', message: `${service} lost a connection: ${observation.failure.message}` }
    case 'pool.wait':
      return ofWait(observation)
    case 'pool.oversized':
      return { level: 'warn', message: oversized(observation) }
    case 'leak':
      return { level: 'error', message: `"${observation.holder}" does not give its connection back` }
    case 'transaction.idle':
      return {
        level: 'warn',
        message: `"${observation.transaction}" has been idle for ${Math.round(observation.ms)} ms`,
      }
    case 'statement.end':
      return ofStatement(observation, limits)
    case 'transaction.begin':
    case 'attempt.begin':
      return { level: 'trace', message: `"${observation.transaction.name}" begins` }
    case 'attempt.end':
      return { level: 'debug', message: ending(observation) }
    case 'transaction.end':
      return ofTransaction(observation, limits)
    case 'retry':
      return ofRetry(observation)
    case 'retry.refused':
      return { level: 'warn', message: `${service} runs too much again already${because(observation.failure)}` }
    case 'commit.resolved':
      return { level: 'warn', message: `A lost COMMIT of "${observation.transaction}" was found out` }
    case 'commit.unknown':
      return { level: 'error', message: `A lost COMMIT of "${observation.transaction}" stays unknown` }
    case 'commit.unreplicated': {
      const { transaction } = observation
      const what = transaction === undefined ? 'A statement' : `"${transaction}"`
      return { level: 'error', message: `${what} committed without its synchronous standby` }
    }
    case 'transaction.forgotten':
      return { level: 'error', message: `"${observation.transaction}" was neither committed nor rolled back` }
    case 'hook.failed':
      return {
        level: 'error',
        message: `A hook of "${observation.transaction}" failed: ${observation.failure.message}`,
      }
    case 'misuse':
      return { level: 'warn', message: `Misuse in "${observation.transaction}": ${observation.what}` }
    case 'task.begin':
      return { level: 'trace', message: `${named(observation.task)} begins` }
    case 'task.end':
      return ofTask(observation)
    case 'task.retry':
      return {
        level: 'info',
        message: `${named(observation.task)} runs again${soon(observation)}`,
      }
    case 'task.dead':
      return { level: 'error', message: `${named(observation.task)} is dead${because(observation.failure)}` }
    case 'worker.failed':
      return {
        level: 'error',
        message: `A worker of ${service} failed, again${soon(observation)}`,
      }
    case 'listener.failed':
      return { level: 'error', message: `A listener failed: ${observation.failure.message}` }
  }
}

function ofState({ database, from, to, failure }: ObservationOf<'connection.state'>): Entry {
  const level = to === 'error' ? 'error' : from === 'error' && to === 'connected' ? 'warn' : 'info'
  return { level, message: `${database.service} is ${to}${because(failure)}` }
}

function ofReplica({ database, to, failure }: ObservationOf<'replica.state'>): Entry {
  const { service, host, port } = database
  return {
    level: to === 'error' ? 'warn' : 'info',
    message: `The replica ${host}:${port} of ${service} is ${to}${because(failure)}`,
  }
}

function ofWait({ database, ms, failure }: ObservationOf<'pool.wait'>): Entry {
  const level = failure ? 'warn' : 'debug'
  return { level, message: `${database.service} waited ${Math.round(ms)} ms for a connection${because(failure)}` }
}

function oversized({ database, max, limit, by }: ObservationOf<'pool.oversized'>): string {
  const fix = `Lower pool.max to ${limit} divided by the number of processes, or raise the limit`
  return `${database.service} may open ${max} connections (pool.max), but ${by} lets in ${limit}. ${fix}`
}

function ofStatement({ summary, ms, failure }: ObservationOf<'statement.end'>, limits: Limits): Entry {
  const isSlow = ms > limits.slowStatementMs
  const message = `${summary} took ${Math.round(ms)} ms${because(failure)}`
  return { level: isSlow ? 'warn' : 'debug', message }
}

function ofTransaction(observation: ObservationOf<'transaction.end'>, limits: Limits): Entry {
  const { outcome, ms } = observation
  const isSlow = ms > limits.slowTransactionMs
  const usual = outcome === 'committed' ? 'debug' : 'info'
  return { level: outcome === 'unknown' ? 'error' : isSlow ? 'warn' : usual, message: ending(observation) }
}

function ofRetry({ what, attempt, delayMs, failure, database }: ObservationOf<'retry'>): Entry {
  const again = `again in ${Math.round(delayMs)} ms`
  const level = what === 'connect' ? 'warn' : 'info'
  return { level, message: `${database.service}: attempt ${attempt} at a ${what} failed, ${again}${because(failure)}` }
}

function ending({ transaction, outcome, ms, failure }: ObservationOf<'attempt.end' | 'transaction.end'>): string {
  const known = outcome === 'unknown' ? 'ended nobody knows how' : outcome === 'committed' ? outcome : `was ${outcome}`
  return `"${transaction.name}" ${known} after ${Math.round(ms)} ms, attempt ${transaction.attempt}${because(failure)}`
}

function ofTask({ task, outcome, ms, failure }: ObservationOf<'task.end'>): Entry {
  const end = outcome === 'done' ? 'is done' : outcome
  const message = `${named(task)} ${end} after ${Math.round(ms)} ms${because(failure)}`
  return { level: outcome === 'taken over' ? 'warn' : 'debug', message }
}

function named({ id, name, attempt }: TaskRef): string {
  return `Task ${id} ("${name}", attempt ${attempt})`
}

function soon({ delayMs, failure }: { readonly delayMs: number; readonly failure?: Failure }): string {
  return ` in ${Math.round(delayMs)} ms${because(failure)}`
}

function because(failure: Failure | undefined): string {
  return failure ? `: ${failure.message}` : ''
}
