import assert from 'node:assert/strict'
import type { Connection } from '../driver/connection.ts'
import type { Statement, StepAnswer } from '../driver/exchange.ts'
import type { Holder } from '../driver/holders.ts'
import type { Interruption } from '../driver/interruption.ts'
import type { PgQuery } from '../driver/peer.ts'
import type { Pool } from '../driver/pool.ts'
import type { FailureContext } from '../driver/sqlstate.ts'
import type { Outcome, Phase } from '../errors.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import type { DatabaseIdentity, TransactionRef } from '../observe/observation.ts'
import { statementStart, watchStatement } from '../observe/watch.ts'
import { executeQuery } from '../pg-pool/execute.ts'
import { noteSessionState } from '../pg-pool/session-state.ts'
import { beginStatements } from './begin.ts'
import type { RowProof } from './commit-resolution.ts'
import { CommitWitness } from './commit-witness.ts'
import type { Deadline } from './deadline.ts'
import type { ServerDefaults } from './first-question.ts'
import { abortError, cancelOrDestroy, runHeld } from './held.ts'
import { commitGraceMs, type ResolveCommit, settleLostCommit } from './lost-commit.ts'
import type { LogPosition } from './log-position.ts'
import type { IsolationLevel, StatementOptions } from './queryable.ts'
import type { TransactionCounts } from './transaction-counts.ts'
import { wholeMs } from './statement.ts'
import { StatementLimit } from './statement-limit.ts'
import { Turns } from './turns.ts'

/** What holds for all transactions of a database. */
export interface LineHome {
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
export interface LineAttempt extends TransactionRef, Holder {
  readonly deadline: Deadline
  readonly isolation: IsolationLevel | undefined
  readonly readOnly: boolean
  /** Its `proof` finds the row that only this transaction writes. */
  readonly keyed?: { readonly proof: RowProof } | undefined
}

/** Sends BEGIN and the first statement by `run`, on the connection of `line`, which it may exchange before. */
export type BeginRead = (
  line: { connection: Connection },
  run: () => Promise<readonly StepAnswer[]>,
) => Promise<readonly StepAnswer[]>

const commit: Statement = { text: 'commit', values: [] }

const beginLimitMs = 2000

/** A live server rolls back at once; a connection that is cut is rolled back too. */
const rollbackLimitMs = 1000

interface Asked {
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
 * The wire side of one transaction on its exclusive lane. BEGIN, SAVEPOINT and RELEASE wait for the next statement and
 * travel with it in one Sync, so a transaction of n statements takes n + 1 round trips and one without any takes none.
 *
 * | state | a statement | COMMIT |
 * |---|---|---|
 * | not begun | is sent behind BEGIN, alone: what came behind it would commit by itself if BEGIN failed | is not needed |
 * | begun | is pipelined; one that may be cancelled runs alone | is sent |
 * | refused: BEGIN failed | TransactionAborted, with why | TransactionAborted, with why |
 * | ended elsewhere: the server says idle | TransactionAborted, outcome unknown | the same |
 */
export class TransactionLine {
  #connection: Connection
  readonly #home: LineHome
  readonly #attempt: LineAttempt
  /** How a read that a replica may serve begins. Default: on the connection it was given. */
  readonly #beginRead: BeginRead | undefined
  readonly #turns = new Turns()
  /** What the next statement carries in front of it, beside BEGIN. */
  #pending: Statement[] = []
  /** What a statement carried that was given up before it was sent: it travels with the next that is. */
  #unsent: Statement[] = []
  #isBegun = false
  #refusal: unknown
  #marks = 0
  #portals = 0
  readonly #witness: CommitWitness

  constructor(connection: Connection, home: LineHome, attempt: LineAttempt, beginRead?: BeginRead) {
    this.#connection = connection
    this.#home = home
    this.#attempt = attempt
    this.#beginRead = beginRead
    this.#witness = new CommitWitness(!attempt.readOnly)
    home.counts.add(this)
  }

  readonly since: number = performance.now()

  get isIdle(): boolean {
    return this.#connection.inFlight === 0
  }

  get attempt(): number {
    return this.#attempt.attempt
  }

  get name(): string {
    return this.#attempt.name
  }

  get isolation(): IsolationLevel {
    return this.#attempt.isolation ?? this.#home.defaults.isolation ?? 'read committed'
  }

  /** False when it is certain that there is nothing to commit. */
  get hasWritten(): boolean {
    return this.#isBegun && this.status === 'T' && !this.#witness.hasWrittenNothing
  }

  /** True when COMMIT cannot succeed any more, unless a savepoint is rolled back. */
  get mustFail(): boolean {
    return this.status === 'E' || this.#connection.isLost || this.deadline.aborted
  }

  get connection(): Connection {
    return this.#connection
  }

  /** For `beginRead` alone. */
  set connection(connection: Connection) {
    this.#connection = connection
  }

  /** Cuts the connection. */
  lose(cause: PlinthError): void {
    this.#connection.destroy(cause)
  }

  /** Lets the server fail with this SQLSTATE. */
  async raise(sqlstate: string): Promise<void> {
    const text = `do $$ begin raise exception 'raised by the fault mode' using errcode = '${sqlstate}'; end $$`
    await this.#turns.exclusive(() => this.#send([{ text, values: [] }]))
  }

  get identity(): DatabaseIdentity {
    return this.#connection.identity
  }

  get deadline(): Deadline {
    return this.#attempt.deadline
  }

  get status(): 'I' | 'T' | 'E' {
    return this.#connection.status
  }

  run(statement: Statement, settings: Statement | undefined, options: StatementOptions): Promise<StepAnswer> {
    const from = statementStart()
    const answer = this.#run(statement, settings, options)
    return watchStatement(answer, from, this.identity, statement.text, this.#attempt)
  }

  #run(statement: Statement, settings: Statement | undefined, options: StatementOptions): Promise<StepAnswer> {
    const limitMs = options.timeoutMs === undefined ? undefined : wholeMs(options.timeoutMs)
    noteSessionState(this.#connection, statement.text)
    this.#turns.refuseIfFull()
    // From here on nothing may fail before the turn: what is carried would be lost.
    const carried = this.#takePending()
    const isAlone = !this.#isBegun || limitMs !== undefined || options.signal !== undefined
    return this.#turns.take(isAlone, () => this.#runInTurn(statement, settings, options, limitMs, carried))
  }

  async #runInTurn(
    statement: Statement,
    settings: Statement | undefined,
    { signal, maxAnswerBytes: maxBytes }: StatementOptions,
    limitMs: number | undefined,
    carried: readonly Statement[],
  ): Promise<StepAnswer> {
    const { text } = statement
    try {
      using limit = limitMs === undefined ? undefined : new StatementLimit(limitMs)
      const capture = this.#witness.captureBehind(text)
      const sent = settings ? [settings, statement] : [statement]
      if (capture) sent.push(capture)
      const answers = await this.#send(sent, { text, maxBytes, signal: this.#anyOf(signal, limit?.signal) }, carried)
      if (capture) this.#witness.note(answers.at(-1))
      const answer = answers.at(capture ? -2 : -1)
      assert(answer, 'The server answers as many statements as were sent.')
      return answer
    } catch (error) {
      if (isPlinthError(error, 'AnswerTooLarge')) this.#witness.noteMissed()
      throw error
    } finally {
      this.#turns.leave()
    }
  }

  #anyOf(signal: AbortSignal | undefined, limit: AbortSignal | undefined): Interruption {
    if (!signal && !limit) return this.deadline
    return AbortSignal.any([this.deadline.signal, ...(signal ? [signal] : []), ...(limit ? [limit] : [])])
  }

  /** Runs one of pg's own queries, for `tx.pg`. It cannot share a Sync, so what it carries goes in front by itself. */
  runQuery(query: PgQuery): Promise<unknown> {
    const from = statementStart()
    return watchStatement(this.#runQuery(query), from, this.identity, query.text ?? '', this.#attempt)
  }

  async #runQuery(query: PgQuery): Promise<unknown> {
    const text = query.text ?? ''
    noteSessionState(this.#connection, text)
    this.#turns.refuseIfFull()
    const carried = this.#takePending()
    return this.#turns.exclusive(async () => {
      if (!this.#isBegun || carried.length > 0 || this.#unsent.length > 0)
        await this.#send([], { signal: this.deadline }, carried)
      this.deadline.throwIfAborted()
      this.#throwIfOver()
      return this.#submit(query, text)
    })
  }

  async #submit(query: PgQuery, text: string): Promise<unknown> {
    const { statementTimeoutMs } = this.#home
    let cancelling: Promise<void> | undefined
    const cancel = (): void => {
      cancelling ??= cancelOrDestroy(this.#connection)
    }
    this.deadline.addEventListener('abort', cancel)
    const capture = this.#witness.captureBehind(text)
    const { running, captured } = this.#connection.together(() => ({
      running: executeQuery(this.#connection, query, statementTimeoutMs),
      captured: capture && this.#connection.run([capture], statementTimeoutMs),
    }))
    try {
      return await running
    } finally {
      this.deadline.removeEventListener('abort', cancel)
      const answers = await captured?.catch(() => undefined)
      if (answers) this.#witness.note(answers[0])
      // A cancel that is still on its way must not meet the next holder's statement.
      await cancelling
    }
  }

  /** A name that no open portal of this transaction has. */
  get portalName(): string {
    return `plinth_${++this.#portals}`
  }

  /** Travels with the next statement. */
  closePortal(name: string): void {
    if (this.status === 'T') this.#pending.push({ text: `close ${name}`, values: [] })
  }

  savepoint(): Statement {
    const mark = { text: `savepoint plinth_${++this.#marks}`, values: [] }
    this.#pending.push(mark)
    return mark
  }

  release(mark: Statement): void {
    if (!this.#dropPending(mark))
      this.#pending.push({ text: mark.text.replace('savepoint', 'release savepoint'), values: [] })
  }

  /**
   * Undoes what ran since the savepoint. Where BEGIN itself failed, or the connection is gone, there is nothing to
   * undo.
   */
  async rollbackTo(mark: Statement): Promise<void> {
    if (this.#dropPending(mark) || this.#connection.isLost || this.status === 'I') return
    const name = mark.text.slice('savepoint '.length)
    const statements = [`rollback to savepoint ${name}`, `release savepoint ${name}`].map((text) => ({
      text,
      values: [],
    }))
    const carried = this.#takePending()
    try {
      await this.#turns.exclusive(() => this.#send(statements, { withinMs: rollbackLimitMs }, carried))
    } catch (error) {
      // The savepoint was never reached: an earlier statement had failed. The transaction stays failed and says so at
      // its end.
      if (!(error instanceof PlinthError)) throw error
    }
  }

  /** COMMIT, with its command tag checked: PostgreSQL answers ROLLBACK to the COMMIT of a failed transaction. */
  commit(): Promise<void> {
    return this.#turns.take(true, () => this.#commitInTurn())
  }

  async #commitInTurn(): Promise<void> {
    try {
      if (this.#isBegun) await this.#commit()
      this.#home.counts.remove(this)
    } finally {
      this.#turns.leave()
    }
  }

  async #commit(): Promise<void> {
    // Lost before COMMIT was sent: nothing was saved, and that is known.
    if (this.#connection.isLost) await this.#send([], { phase: 'commit' })
    this.#throwIfOver()
    // What is carried ends with the transaction.
    this.#pending = []
    this.#unsent = []
    const { name } = this
    const asked = this.hasWritten ? this.#home.position : undefined
    this.#connection.committing = name
    try {
      const sent = this.#send([commit], this.#commitAsked())
      const position = asked?.ask(this.#connection)
      try {
        const [answer] = await sent
        if (answer?.tag !== 'COMMIT') throw rolledBackAtCommit(name, answer?.tag)
      } finally {
        if (position) await position
      }
    } catch (error) {
      // Lost on the way, or ended by the server itself: a FATAL or PANIC can follow a commit that is on the disk.
      if (!(error instanceof PlinthError) || error.outcome !== 'unknown') throw error
      await this.#settleLost(error)
    } finally {
      this.#connection.committing = undefined
    }
  }

  /** Without a signal: a COMMIT that waits for a synchronous standby answers a cancel with an unreplicated success. */
  #commitAsked(): Asked {
    const leftMs = this.deadline.at - performance.now() + commitGraceMs
    const limitMs = Math.min(this.#home.statementTimeoutMs, Math.max(commitGraceMs, leftMs))
    return { limitMs, phase: 'commit', outcomeWhenLost: 'unknown' }
  }

  #settleLost(cause: PlinthError): Promise<void> {
    const { name, attempt, deadline, keyed } = this.#attempt
    const { counts, defaults, resolveCommit: resolve } = this.#home
    return settleLostCommit({
      database: this.identity,
      name,
      attempt,
      isolation: this.#attempt.isolation ?? defaults.isolation,
      deadline: deadline.at,
      witness: this.#witness,
      counts,
      resolve,
      proof: keyed?.proof,
      cause,
    })
  }

  /** A rollback that fails destroys the connection, which rolls back too; it never hides the error that led here. */
  async rollback(): Promise<void> {
    this.#home.counts.remove(this)
    await this.#turns.exclusive(async () => {
      if (!this.#isBegun || this.#connection.isLost || this.status === 'I') return
      this.#unsent = []
      try {
        await this.#send([{ text: 'rollback', values: [] }], { withinMs: rollbackLimitMs })
      } catch (cause) {
        this.#connection.destroy(cause)
      }
    })
  }

  /**
   * Sends `statements` behind what they carry, and BEGIN before the first of all. The answers of `statements` are the
   * last of those it resolves with. Up to the sending nothing is awaited, so the order on the wire is that of the
   * calls.
   */
  #send(
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
    if (phase === 'statement') this.#throwIfOver()
    const isFirst = !this.#isBegun
    this.#isBegun = true
    const begin = isFirst ? beginStatements(this.#attempt, this.deadline.at, this.#home, pooler) : []
    const all = [...begin, ...this.#takeUnsent(), ...carried, ...statements]
    const run = (): Promise<readonly StepAnswer[]> =>
      runHeld(this.#connection, all, {
        limitMs: limitMs ?? this.#home.statementTimeoutMs,
        signal,
        context,
        maxBytes,
        // BEGIN is the ping: a live server answers it at once, whatever the first statement does behind it.
        firstWithinMs: isFirst ? (pooler?.patienceMs ?? beginLimitMs) : withinMs,
      })
    return isFirst ? this.#begin(run) : run()
  }

  /**
   * A connection that died while it idled is replaced: whatever ran behind its BEGIN was rolled back, so it may all be
   * sent again. One that was opened for this is not, so the tries end.
   */
  async #begin(run: () => Promise<readonly StepAnswer[]>): Promise<readonly StepAnswer[]> {
    for (;;) {
      const isStale = this.#connection.openedAt < this.since
      try {
        return await (this.#beginRead ? this.#beginRead(this, run) : run())
      } catch (error) {
        if (!this.#connection.isLost && this.status === 'I') this.#refusal = error
        if (!this.#connection.isLost || !isStale || this.deadline.aborted) throw error
        await this.#replaceConnection(error)
      }
    }
  }

  /** Throws `error` where there is no other: a session has but one. */
  async #replaceConnection(error: unknown): Promise<void> {
    const { needsReset } = this.#connection
    this.#home.release(this.#connection)
    const other = await this.#home.acquire(this.#attempt, this.deadline, this.#attempt)
    if (other.isLost) throw error
    other.needsReset ||= needsReset
    this.#connection = other
  }

  #takeUnsent(): readonly Statement[] {
    return this.#unsent.length === 0 ? this.#unsent : this.#unsent.splice(0)
  }

  #takePending(): readonly Statement[] {
    return this.#pending.length === 0 ? this.#pending : this.#pending.splice(0)
  }

  /** True when the savepoint was never sent: there is nothing to release or undo. */
  #dropPending(mark: Statement): boolean {
    for (const list of [this.#pending, this.#unsent]) {
      const at = list.indexOf(mark)
      if (at >= 0) return list.splice(at, 1).length > 0
    }
    return false
  }

  #throwIfOver(): void {
    if (!this.#isBegun || this.status !== 'I' || this.#connection.isLost) return
    throw this.#refusal === undefined ? this.#endedElsewhere() : this.#refusedToBegin()
  }

  #refusedToBegin(): PlinthError {
    return new PlinthError('TransactionAborted', `"${this.name}" was never begun: the server refused BEGIN.`, {
      transaction: this.name,
      phase: 'begin',
      retryable: isPlinthError(this.#refusal) && this.#refusal.retryable,
      cause: this.#refusal,
    })
  }

  #endedElsewhere(): PlinthError {
    return new PlinthError('TransactionAborted', `"${this.name}" had already ended on the server.`, {
      transaction: this.name,
      phase: 'commit',
      outcome: 'unknown',
      hint: 'A statement of it, perhaps in a procedure, ran COMMIT or ROLLBACK itself.',
    })
  }
}

function rolledBackAtCommit(transaction: string, tag: string | undefined): PlinthError {
  return new PlinthError(
    'TransactionAborted',
    `"${transaction}" was rolled back: PostgreSQL answered ${tag} to COMMIT.`,
    {
      transaction,
      phase: 'commit',
    },
  )
}
