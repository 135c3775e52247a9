import type { Connection } from '../driver/connection.ts'
import type { Statement, StepAnswer } from '../driver/exchange.ts'
import type { Holder } from '../driver/holders.ts'
import type { Interruption } from '../driver/interruption.ts'
import type { Pool } from '../driver/pool.ts'
import type { FailureContext } from '../driver/sqlstate.ts'
import { isPlinthError, type Outcome, type Phase, PlinthError } from '../errors.ts'
import type { TransactionRef } from '../observe/observation.ts'
import { beginStatements } from './begin.ts'
import type { RowProof } from './commit-resolution.ts'
import type { Deadline } from './deadline.ts'
import type { ServerDefaults } from './first-question.ts'
import { abortError, runHeld } from './held.ts'
import type { LogPosition } from './log-position.ts'
import type { ResolveCommit } from './lost-commit.ts'
import type { IsolationLevel } from './queryable.ts'
import type { TransactionCounts } from './transaction-counts.ts'

/** What holds for all transactions of a database. */
export interface WireHome {
  /** Of the session, in ms, as is the next. */
  readonly statementTimeoutMs: number
  readonly lockTimeoutMs: number
  readonly resolveCommit: ResolveCommit
  readonly counts: TransactionCounts
  readonly defaults: ServerDefaults
  /** Hears where the write of a transaction ends in the server's log. Only where there are replicas. */
  readonly position: LogPosition | undefined
  readonly acquire: Pool['acquire']
  readonly release: Pool['release']
}

/** One attempt at a transaction. */
export interface WireAttempt extends TransactionRef, Holder {
  readonly deadline: Deadline
  readonly isolation: IsolationLevel | undefined
  readonly readOnly: boolean
  /** Its `proof` finds the row that only this transaction writes. */
  readonly keyed?: { readonly proof: RowProof } | undefined
}

/** Sends BEGIN and the first statement by `run`, on the connection of `line`, which it may exchange before. */
export type BeginRead = (line: { connection: Connection }, run: Run) => Promise<readonly StepAnswer[]>

type Run = () => Promise<readonly StepAnswer[]>

const beginLimitMs = 2000

export interface Asked {
  /** Text of the caller's statement. */
  readonly text?: string
  readonly maxBytes?: number | undefined
  /** Default: the session's statement_timeout. */
  readonly limitMs?: number
  /** The connection counts as dead without an answer by then. */
  readonly withinMs?: number
  readonly signal?: Interruption
  readonly phase?: Phase
  readonly outcomeWhenLost?: Outcome
}

/**
 * Sends what a transaction says, on the one connection it has, BEGIN in front of the first. BEGIN is the ping: a
 * connection that died while it idled is replaced, with nobody the wiser.
 */
export class TransactionWire {
  #connection: Connection
  readonly #home: WireHome
  readonly #attempt: WireAttempt
  /** How a read that a replica may serve begins. Default: on the connection it was given. */
  readonly #beginRead: BeginRead | undefined
  /** What a statement carried that was given up before it was sent: it travels with the next that is. */
  #unsent: Statement[] = []
  #isBegun = false
  #refusal: unknown

  readonly since: number = performance.now()

  constructor(connection: Connection, home: WireHome, attempt: WireAttempt, beginRead?: BeginRead) {
    this.#connection = connection
    this.#home = home
    this.#attempt = attempt
    this.#beginRead = beginRead
  }

  get connection(): Connection {
    return this.#connection
  }

  /** For `beginRead` alone. */
  set connection(connection: Connection) {
    this.#connection = connection
  }

  get isBegun(): boolean {
    return this.#isBegun
  }

  get status(): 'I' | 'T' | 'E' {
    return this.#connection.status
  }

  get isLost(): boolean {
    return this.#connection.isLost
  }

  /** True while there is something that must be sent in front of a query of pg's own. */
  get hasUnsent(): boolean {
    return !this.#isBegun || this.#unsent.length > 0
  }

  forgetUnsent(): void {
    this.#unsent = []
  }

  /** True when it was there. */
  dropUnsent(statement: Statement): boolean {
    const at = this.#unsent.indexOf(statement)
    return at >= 0 && this.#unsent.splice(at, 1).length > 0
  }

  /**
   * Sends `statements` behind what they carry, and BEGIN before the first of all. The answers of `statements` are the
   * last of those it resolves with. Up to the sending nothing is awaited, so the order on the wire is that of the
   * calls.
   */
  send(
    statements: readonly Statement[],
    { text, maxBytes, limitMs, withinMs, signal, phase = 'statement', outcomeWhenLost = 'not applied' }: Asked = {},
    carried: readonly Statement[] = [],
  ): Promise<readonly StepAnswer[]> {
    const { name, attempt, readOnly } = this.#attempt
    const { pooler } = this.#connection
    const context: FailureContext = {
      phase,
      statement: text,
      transaction: name,
      attempts: attempt,
      outcomeWhenLost,
      isReadOnly: readOnly,
    }
    if (signal?.aborted) {
      this.#unsent.push(...carried)
      throw abortError(signal, context, 'not applied')
    }
    if (phase === 'statement') this.throwIfOver()
    const isFirst = !this.#isBegun
    this.#isBegun = true
    const begin = isFirst ? beginStatements(this.#attempt, this.#deadline.at, this.#home, pooler) : []
    const all = [...begin, ...this.#takeUnsent(), ...carried, ...statements]
    const run: Run = () =>
      runHeld(this.#connection, all, {
        limitMs: limitMs ?? this.#home.statementTimeoutMs,
        signal,
        context,
        maxBytes,
        // BEGIN is the ping: a live server answers it at once, whatever the first statement does behind it.
        firstWithinMs: isFirst ? (pooler?.patienceMs ?? beginLimitMs) : withinMs,
      })
    if (!isFirst) return run()
    const runAgain: Run = () => {
      if (!signal?.aborted) return run()
      // While another connection was looked for. Of this transaction nothing has been sent.
      this.#isBegun = false
      this.#unsent.push(...carried)
      throw abortError(signal, context, 'not applied')
    }
    return this.#begin(run, runAgain)
  }

  /**
   * A connection that died while it idled is replaced: whatever ran behind its BEGIN was rolled back, so it may all be
   * sent again. One that was opened for this is not, so the tries end.
   */
  async #begin(run: Run, runAgain: Run): Promise<readonly StepAnswer[]> {
    for (let next = run; ; next = runAgain) {
      const isStale = this.#connection.openedAt < this.since
      try {
        return await (this.#beginRead ? this.#beginRead(this, next) : next())
      } catch (error) {
        if (this.#isBegun && !this.#connection.isLost && this.status === 'I') this.#refusal = error
        if (!this.#connection.isLost || !isStale || this.#deadline.aborted) throw error
        await this.#replaceConnection(error)
      }
    }
  }

  /** Throws `error` where there is no other: a session has but one. */
  async #replaceConnection(error: unknown): Promise<void> {
    const lost = this.#connection
    this.#home.release(lost)
    const other = await this.#home.acquire(this.#attempt, this.#deadline, this.#attempt)
    if (other.isLost) throw error
    // Read only now: a statement that was asked for meanwhile has marked the lost one.
    other.needsReset ||= lost.needsReset
    this.#connection = other
  }

  #takeUnsent(): readonly Statement[] {
    return this.#unsent.splice(0)
  }

  /** Throws TransactionAborted where there is no transaction any more to send something in. */
  throwIfOver(): void {
    if (!this.#isBegun || this.status !== 'I' || this.#connection.isLost) return
    throw this.#refusal === undefined ? this.#endedElsewhere() : this.#refusedToBegin()
  }

  #refusedToBegin(): PlinthError {
    return new PlinthError('TransactionAborted', `"${this.#attempt.name}" was never begun: the server refused BEGIN.`, {
      transaction: this.#attempt.name,
      phase: 'begin',
      retryable: isPlinthError(this.#refusal) && this.#refusal.retryable,
      cause: this.#refusal,
    })
  }

  #endedElsewhere(): PlinthError {
    return new PlinthError('TransactionAborted', `"${this.#attempt.name}" had already ended on the server.`, {
      transaction: this.#attempt.name,
      phase: 'commit',
      outcome: 'unknown',
      hint: 'A statement of it, perhaps in a procedure, ran COMMIT or ROLLBACK itself.',
    })
  }

  get #deadline(): Deadline {
    return this.#attempt.deadline
  }
}
