import { type Channel, channel } from 'node:diagnostics_channel'
import type { Failure } from './failure.ts'

/** Whether a database can be reached: the table of changes is in database/availability.ts. */
export type State = 'disconnected' | 'connecting' | 'connected' | 'error' | 'draining' | 'closed'

/** Which database handle an observation is about: what `createDatabase` was told, without user and password. */
export interface DatabaseIdentity {
  /** The `service` option. */
  readonly service: string
  readonly host: string
  readonly port: number
  readonly database: string
}

/** A transaction and which of its attempts; `id` is unique in this process and the same for all of them. */
export interface TransactionRef {
  readonly id: number
  readonly name: string
  /** From 1. In `transaction.end` the last one. */
  readonly attempt: number
}

/** A background task and which of its attempts. */
export interface TaskRef {
  /** In decimal, of plinth.task. */
  readonly id: string
  readonly name: string
  readonly attempt: number
}

export type TransactionOutcome = 'committed' | 'rolled back' | 'unknown'

interface Beginning {
  readonly transaction: TransactionRef
  readonly readOnly: boolean
}

interface Ending {
  readonly transaction: TransactionRef
  readonly ms: number
  readonly outcome: TransactionOutcome
  readonly failure?: Failure
}

/**
 * Everything the library can tell about itself, published on the diagnostics channel `plinth:` + kind, in the async
 * context of the caller it happened to. No observation holds a row value, a parameter, a statement's text or a
 * password: statements appear as a summary (`SELECT users`), errors as a `Failure`.
 */
export type Observation = { readonly database: DatabaseIdentity } & (
  | { readonly kind: 'connection.state'; readonly from: State; readonly to: State; readonly failure?: Failure }
  /** The same of one replica; `database` has its host and port. */
  | { readonly kind: 'replica.state'; readonly from: State; readonly to: State; readonly failure?: Failure }
  | { readonly kind: 'connection.open'; readonly ms: number }
  | { readonly kind: 'connection.lost'; readonly failure: Failure }
  /** A caller had to wait for a connection; `failure` when it got none. */
  | {
      readonly kind: 'pool.wait'
      readonly ms: number
      readonly transaction?: TransactionRef
      readonly failure?: Failure
    }
  /**
   * A holder gave a connection back inside a transaction or with a statement still running, or has held it idle for
   * longer than `pool.leakAfterMs`. `place` and `stack` say where it was asked for.
   */
  | {
      readonly kind: 'leak'
      readonly holder: string
      readonly heldMs: number
      readonly place?: string
      readonly stack?: string
    }
  /**
   * `pool.max` is larger than what the server lets in, `max_connections` less the reserved ones, or the limit of the
   * role or database: told when a connection is opened for the first time, and after an outage.
   */
  | {
      readonly kind: 'pool.oversized'
      readonly max: number
      readonly limit: number
      readonly by: 'max_connections' | 'the connection limit of the role' | 'the connection limit of the database'
    }
  /** A transaction has sent nothing for more than a second, and holds its locks. */
  | { readonly kind: 'transaction.idle'; readonly transaction: string; readonly ms: number; readonly place?: string }
  | {
      readonly kind: 'statement.end'
      readonly summary: string
      readonly ms: number
      readonly rows: number
      readonly transaction?: TransactionRef
      readonly failure?: Failure
    }
  | ({ readonly kind: 'transaction.begin' } & Beginning)
  | ({ readonly kind: 'attempt.begin' } & Beginning)
  /** COMMIT or ROLLBACK was answered. */
  | ({ readonly kind: 'attempt.end' } & Ending)
  /** The caller gets its answer: attempts, waits and hooks together. */
  | ({ readonly kind: 'transaction.end' } & Ending)
  | {
      readonly kind: 'retry'
      readonly what: 'connect' | 'statement' | 'transaction'
      /** The one that failed; the next is `attempt + 1`. */
      readonly attempt: number
      readonly delayMs: number
      readonly transaction?: string
      readonly failure: Failure
    }
  /** Too much is run again already: the failure went to the caller. */
  | {
      readonly kind: 'retry.refused'
      readonly what: 'statement' | 'transaction'
      readonly attempt: number
      readonly transaction?: string
      readonly failure: Failure
    }
  /** The answer to a COMMIT was lost, and the server told afterwards what became of it. */
  | {
      readonly kind: 'commit.resolved'
      readonly transaction: string
      readonly isCommitted: boolean
      readonly ms: number
    }
  | { readonly kind: 'commit.unknown'; readonly transaction: string; readonly why: string; readonly ms: number }
  /**
   * Committed, but the wait for the synchronous standby was cut short. Without `transaction`: by a single statement.
   */
  | { readonly kind: 'commit.unreplicated'; readonly transaction?: string }
  /** A client of the pg-compatible pool was given back inside its transaction, which was rolled back. */
  | { readonly kind: 'transaction.forgotten'; readonly transaction: string; readonly statements: number }
  | { readonly kind: 'hook.failed'; readonly transaction: string; readonly failure: Failure }
  | {
      readonly kind: 'misuse'
      readonly what: 'root handle' | 'http request'
      readonly transaction: string
      /** File and line, where it is known. */
      readonly place?: string
    }
  /** A worker begins an attempt at a task. */
  | { readonly kind: 'task.begin'; readonly task: TaskRef }
  /** `taken over`: the worker lost it, by closing or to another one, which runs it again. */
  | {
      readonly kind: 'task.end'
      readonly task: TaskRef
      readonly ms: number
      readonly outcome: 'done' | 'failed' | 'taken over'
      readonly failure?: Failure
    }
  /** It failed, and another attempt follows. */
  | { readonly kind: 'task.retry'; readonly task: TaskRef; readonly delayMs: number; readonly failure: Failure }
  /** It failed for good: a dead letter. */
  | { readonly kind: 'task.dead'; readonly task: TaskRef; readonly failure: Failure }
  /** A worker cannot look for tasks, or record a failure, for a reason that waiting may not mend. It tries again. */
  | {
      readonly kind: 'worker.failed'
      /** Since it last succeeded, from 1. */
      readonly attempt: number
      readonly delayMs: number
      readonly failure: Failure
    }
  | { readonly kind: 'listener.failed'; readonly failure: Failure }
)

export type ObservationKind = Observation['kind']
export type ObservationOf<K extends ObservationKind> = Extract<Observation, { readonly kind: K }>

const channels: { readonly [K in ObservationKind]: Channel } = {
  'connection.state': channel('plinth:connection.state'),
  'replica.state': channel('plinth:replica.state'),
  'connection.open': channel('plinth:connection.open'),
  'connection.lost': channel('plinth:connection.lost'),
  'pool.wait': channel('plinth:pool.wait'),
  'pool.oversized': channel('plinth:pool.oversized'),
  leak: channel('plinth:leak'),
  'transaction.idle': channel('plinth:transaction.idle'),
  'statement.end': channel('plinth:statement.end'),
  'transaction.begin': channel('plinth:transaction.begin'),
  'attempt.begin': channel('plinth:attempt.begin'),
  'attempt.end': channel('plinth:attempt.end'),
  'transaction.end': channel('plinth:transaction.end'),
  retry: channel('plinth:retry'),
  'retry.refused': channel('plinth:retry.refused'),
  'commit.resolved': channel('plinth:commit.resolved'),
  'commit.unknown': channel('plinth:commit.unknown'),
  'commit.unreplicated': channel('plinth:commit.unreplicated'),
  'transaction.forgotten': channel('plinth:transaction.forgotten'),
  'hook.failed': channel('plinth:hook.failed'),
  misuse: channel('plinth:misuse'),
  'task.begin': channel('plinth:task.begin'),
  'task.end': channel('plinth:task.end'),
  'task.retry': channel('plinth:task.retry'),
  'task.dead': channel('plinth:task.dead'),
  'worker.failed': channel('plinth:worker.failed'),
  'listener.failed': channel('plinth:listener.failed'),
}

export const observationKinds: readonly ObservationKind[] = Object.values(channels).map(
  ({ name }) => String(name).slice('plinth:'.length) as ObservationKind,
)

let lastTransaction = 0

export function nextTransactionId(): number {
  return ++lastTransaction
}

/** One property read. On the path of every statement and transaction, ask before making the observation. */
export function isObserved(kind: ObservationKind): boolean {
  return channels[kind].hasSubscribers
}

export function observe(observation: Observation): void {
  const to = channels[observation.kind]
  if (to.hasSubscribers) to.publish(observation)
}
