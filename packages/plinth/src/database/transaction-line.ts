import assert from 'node:assert/strict'
import type { Connection } from '../driver/connection.ts'
import type { Statement, StepAnswer } from '../driver/exchange.ts'
import type { PgQuery } from '../driver/peer.ts'
import type { Outcome, Phase } from '../errors.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import { type DatabaseIdentity, observe, type TransactionRef } from '../observe/observation.ts'
import { statementStart, watchStatement } from '../observe/watch.ts'
import { executeQuery } from '../pg-pool/execute.ts'
import { noteSessionState } from '../pg-pool/session-state.ts'
import { beginStatements } from './begin.ts'
import type { RowProof } from './commit-resolution.ts'
import { CommitWitness } from './commit-witness.ts'
import type { ServerDefaults } from './first-question.ts'
import { abortError, cancelOrDestroy, runHeld } from './held.ts'
import { commitGraceMs, type ResolveCommit, settleLostCommit } from './lost-commit.ts'
import type { LogPosition } from './log-position.ts'
import type { IsolationLevel, StatementOptions } from './queryable.ts'
import type { TransactionCounts } from './transaction-counts.ts'
import { wholeMs } from './statement.ts'
import { StatementLimit } from './statement-limit.ts'
import { Turns } from './turns.ts'

export interface LineOptions extends TransactionRef {
  readonly signal: AbortSignal
  readonly isolation: IsolationLevel | undefined
  readonly readOnly: boolean
  /** The session's statement_timeout, in ms. */
  readonly statementTimeoutMs: number
  /** The session's lock_timeout, in ms. */
  readonly lockTimeoutMs: number
  /** performance.now() at which the whole transaction must have ended. */
  readonly deadline: number
  readonly resolveCommit: ResolveCommit
  /** Finds the row that only this transaction writes. */
  readonly proof: RowProof | undefined
  readonly counts: TransactionCounts
  readonly defaults: ServerDefaults
  /** Hears where the write of this transaction ends in the server's log. Only where there are replicas. */
  readonly position: LogPosition | undefined
  /** How a read that a replica may serve begins. Default: on the connection it was given. */
  readonly beginRead: BeginRead | undefined
}

/** Sends BEGIN and the first statement by `run`, on the connection of `line`, which it may exchange before. */
export type BeginRead = (
  line: { connection: Connection },
  run: () => Promise<readonly StepAnswer[]>,
) => Promise<readonly StepAnswer[]>

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
  readonly signal?: AbortSignal
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
  readonly #options: LineOptions
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

  constructor(connection: Connection, options: LineOptions) {
    this.#connection = connection
    this.#options = options
    this.#witness = new CommitWitness(!options.readOnly)
    options.counts.add(this)
  }

  readonly since: number = performance.now()

  get isIdle(): boolean {
    return this.#connection.inFlight === 0
  }

  get attempt(): number {
    return this.#options.attempt
  }

  get name(): string {
    return this.#options.name
  }

  get isolation(): IsolationLevel {
    return this.#options.isolation ?? this.#options.defaults.isolation ?? 'read committed'
  }

  /** False when it is certain that there is nothing to commit. */
  get hasWritten(): boolean {
    return this.#isBegun && this.status === 'T' && !this.#witness.hasWrittenNothing
  }

  /** True when COMMIT cannot succeed any more, unless a savepoint is rolled back. */
  get mustFail(): boolean {
    return this.status === 'E' || this.#connection.isLost || this.signal.aborted
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

  get signal(): AbortSignal {
    return this.#options.signal
  }

  get status(): 'I' | 'T' | 'E' {
    return this.#connection.status
  }

  run(statement: Statement, settings: Statement | undefined, options: StatementOptions): Promise<StepAnswer> {
    const from = statementStart()
    const answer = this.#run(statement, settings, options)
    return watchStatement(answer, from, this.identity, statement.text, this.#options)
  }

  async #run(statement: Statement, settings: Statement | undefined, options: StatementOptions): Promise<StepAnswer> {
    const { signal, timeoutMs, maxAnswerBytes: maxBytes } = options
    const limitMs = timeoutMs === undefined ? undefined : wholeMs(timeoutMs)
    noteSessionState(this.#connection, statement.text)
    // From here on nothing may fail before the turn: what is carried would be lost.
    const carried = this.#takePending()
    const work = async (): Promise<StepAnswer> => {
      using limit = limitMs === undefined ? undefined : new StatementLimit(limitMs)
      const extra = [signal, limit?.signal].filter((one) => one !== undefined)
      const any = extra.length === 0 ? this.signal : AbortSignal.any([this.signal, ...extra])
      const capture = this.#witness.captureBehind(statement.text)
      const sent = [...(settings ? [settings] : []), statement, ...(capture ? [capture] : [])]
      const answers = await this.#send(sent, { text: statement.text, maxBytes, signal: any }, carried).catch(
        (error) => {
          if (isPlinthError(error, 'AnswerTooLarge')) this.#witness.noteMissed()
          throw error
        },
      )
      if (capture) this.#witness.note(answers.at(-1))
      const answer = answers[settings ? 1 : 0]
      assert(answer, 'The server answers as many statements as were sent.')
      return answer
    }
    const isAlone = !this.#isBegun || limitMs !== undefined || signal !== undefined
    return isAlone ? this.#turns.exclusive(work) : this.#turns.shared(work)
  }

  /** Runs one of pg's own queries, for `tx.pg`. It cannot share a Sync, so what it carries goes in front by itself. */
  runQuery(query: PgQuery): Promise<unknown> {
    const from = statementStart()
    return watchStatement(this.#runQuery(query), from, this.identity, query.text ?? '', this.#options)
  }

  async #runQuery(query: PgQuery): Promise<unknown> {
    const text = query.text ?? ''
    noteSessionState(this.#connection, text)
    const carried = this.#takePending()
    return this.#turns.exclusive(async () => {
      if (!this.#isBegun || carried.length > 0 || this.#unsent.length > 0)
        await this.#send([], { signal: this.signal }, carried)
      this.signal.throwIfAborted()
      this.#throwIfOver()
      return this.#submit(query, text)
    })
  }

  async #submit(query: PgQuery, text: string): Promise<unknown> {
    const { statementTimeoutMs } = this.#options
    let cancelling: Promise<void> | undefined
    const cancel = (): void => {
      cancelling ??= cancelOrDestroy(this.#connection)
    }
    this.signal.addEventListener('abort', cancel)
    const running = executeQuery(this.#connection, query, statementTimeoutMs)
    const capture = this.#witness.captureBehind(text)
    const captured = capture && this.#connection.run([capture], statementTimeoutMs)
    try {
      return await running
    } finally {
      this.signal.removeEventListener('abort', cancel)
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
  async commit(): Promise<void> {
    await this.#turns.exclusive(() => this.#commit())
    this.#options.counts.remove(this)
  }

  async #commit(): Promise<void> {
    if (!this.#isBegun) return
    // Lost before COMMIT was sent: nothing was saved, and that is known.
    if (this.#connection.isLost) await this.#send([], { phase: 'commit' })
    this.#throwIfOver()
    // What is carried ends with the transaction.
    this.#pending = []
    this.#unsent = []
    const answer = await this.#sendCommit()
    if (answer !== 'lost, and found' && answer?.tag !== 'COMMIT') {
      throw new PlinthError(
        'TransactionAborted',
        `"${this.#options.name}" was rolled back: PostgreSQL answered ${answer?.tag} to COMMIT.`,
        {
          transaction: this.#options.name,
          phase: 'commit',
        },
      )
    }
  }

  async #sendCommit(): Promise<StepAnswer | 'lost, and found' | undefined> {
    const { name, deadline, statementTimeoutMs } = this.#options
    const stop = this.#connection.onNotice(({ code }) => {
      if (code === '01000') observe({ kind: 'commit.unreplicated', database: this.identity, transaction: name })
    })
    const leftMs = deadline - performance.now() + commitGraceMs
    const limitMs = Math.min(statementTimeoutMs, Math.max(commitGraceMs, leftMs))
    // Without a signal: a COMMIT that waits for a synchronous standby answers a cancel with an unreplicated success.
    this.#connection.isCommitting = true
    const sent = this.#send([{ text: 'commit', values: [] }], { limitMs, phase: 'commit', outcomeWhenLost: 'unknown' })
    const asked = this.hasWritten ? this.#options.position?.ask(this.#connection) : undefined
    try {
      const [answer] = await sent
      return answer
    } catch (error) {
      // Lost on the way, or ended by the server itself: a FATAL or PANIC can follow a commit that is on the disk.
      if (!(error instanceof PlinthError) || error.outcome !== 'unknown') throw error
      const { attempt, defaults, counts, resolveCommit: resolve, proof } = this.#options
      const isolation = this.#options.isolation ?? defaults.isolation
      const lost = { name, attempt, isolation, deadline, witness: this.#witness, counts, resolve, proof, cause: error }
      await settleLostCommit({ ...lost, database: this.identity })
      return 'lost, and found'
    } finally {
      this.#connection.isCommitting = false
      stop()
      await asked
    }
  }

  /** A rollback that fails destroys the connection, which rolls back too; it never hides the error that led here. */
  async rollback(): Promise<void> {
    this.#options.counts.remove(this)
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
   * Sends `statements` behind what they carry, and BEGIN before the first of all. Answers those of `statements`. Up to
   * the sending nothing is awaited, so the order on the wire is that of the calls.
   */
  async #send(
    statements: readonly Statement[],
    { text, maxBytes, limitMs, withinMs, signal, phase = 'statement', outcomeWhenLost = 'not applied' }: Asked = {},
    carried: readonly Statement[] = [],
  ): Promise<readonly StepAnswer[]> {
    const { name, statementTimeoutMs, attempt, readOnly, beginRead } = this.#options
    const about = text === undefined ? {} : { statement: text }
    const context = { phase, transaction: name, attempts: attempt, outcomeWhenLost, isReadOnly: readOnly, ...about }
    if (signal?.aborted) {
      this.#unsent.push(...carried)
      throw abortError(signal, context, 'not applied')
    }
    if (phase === 'statement') this.#throwIfOver()
    const isFirst = !this.#isBegun
    this.#isBegun = true
    const begin = isFirst ? beginStatements(this.#options, this.#connection.pooler) : []
    const all = [...begin, ...this.#unsent.splice(0), ...carried, ...statements]
    // BEGIN is the ping: a live server answers it at once, whatever the first statement does behind it.
    const firstWithinMs = isFirst ? (this.#connection.pooler?.patienceMs ?? beginLimitMs) : withinMs
    const run = (): Promise<readonly StepAnswer[]> =>
      runHeld(this.#connection, all, {
        limitMs: limitMs ?? statementTimeoutMs,
        signal,
        context,
        maxBytes,
        firstWithinMs,
      })
    try {
      const answers = await (isFirst && beginRead ? beginRead(this, run) : run())
      return answers.slice(all.length - statements.length)
    } catch (error) {
      if (isFirst && !this.#connection.isLost && this.status === 'I') this.#refusal = error
      throw error
    }
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
    return new PlinthError('TransactionAborted', `"${this.#options.name}" was never begun: the server refused BEGIN.`, {
      transaction: this.#options.name,
      phase: 'begin',
      retryable: isPlinthError(this.#refusal) && this.#refusal.retryable,
      cause: this.#refusal,
    })
  }

  #endedElsewhere(): PlinthError {
    return new PlinthError('TransactionAborted', `"${this.#options.name}" had already ended on the server.`, {
      transaction: this.#options.name,
      phase: 'commit',
      outcome: 'unknown',
      hint: 'A statement of it, perhaps in a procedure, ran COMMIT or ROLLBACK itself.',
    })
  }
}
