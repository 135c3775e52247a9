import assert from 'node:assert/strict'
import type { Connection } from '../driver/connection.ts'
import type { Statement, StepAnswer } from '../driver/exchange.ts'
import type { Interruption } from '../driver/interruption.ts'
import type { PgQuery } from '../driver/peer.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import type { DatabaseIdentity } from '../observe/observation.ts'
import { statementStart, watchStatement } from '../observe/watch.ts'
import { executeQuery } from '../pg-pool/execute.ts'
import { noteSessionState } from '../pg-pool/session-state.ts'
import { CommitWitness } from './commit-witness.ts'
import type { Deadline } from './deadline.ts'
import { cancelOrDestroy } from './held.ts'
import { commitGraceMs, settleLostCommit } from './lost-commit.ts'
import type { IsolationLevel, StatementOptions } from './queryable.ts'
import { wholeMs } from './statement.ts'
import { StatementLimit } from './statement-limit.ts'
import type { Asked, TransactionWire, WireAttempt, WireHome } from './transaction-wire.ts'
import { Turns } from './turns.ts'

const nothing: readonly Statement[] = []

const commit: Statement = { text: 'commit', values: [] }

/** A live server rolls back at once; a connection that is cut is rolled back too. */
const rollbackLimitMs = 1000

/**
 * The wire side of one transaction on its exclusive lane. BEGIN, SAVEPOINT and RELEASE wait for the next statement and
 * travel with it in one Sync, so a transaction of n statements takes n + 1 round trips and one without any takes none.
 *
 * | state | a statement | COMMIT |
 * |---|---|---|
 * | not begun | is sent behind BEGIN, alone: what came behind would commit by itself if BEGIN failed | is not needed |
 * | begun | is pipelined; one that may be cancelled runs alone | is sent |
 * | refused: BEGIN failed | TransactionAborted, with why | TransactionAborted, with why |
 * | ended elsewhere: the server says idle | TransactionAborted, outcome unknown | the same |
 */
export class TransactionLine {
  readonly #wire: TransactionWire
  readonly #home: WireHome
  readonly #attempt: WireAttempt
  readonly #turns = new Turns()
  /** What the next statement carries in front of it, beside BEGIN. */
  #pending: Statement[] = []
  #marks = 0
  #portals = 0
  readonly #witness: CommitWitness

  constructor(wire: TransactionWire, home: WireHome, attempt: WireAttempt) {
    this.#wire = wire
    this.#home = home
    this.#attempt = attempt
    this.#witness = new CommitWitness(!attempt.readOnly)
    home.counts.add(this)
  }

  get since(): number {
    return this.#wire.since
  }

  get isIdle(): boolean {
    return this.connection.inFlight === 0
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
    return this.#wire.isBegun && this.status === 'T' && !this.#witness.hasWrittenNothing
  }

  /** True when COMMIT cannot succeed any more, unless a savepoint is rolled back. */
  get mustFail(): boolean {
    return this.status === 'E' || this.#wire.isLost || this.deadline.aborted
  }

  get connection(): Connection {
    return this.#wire.connection
  }

  /** Cuts the connection. */
  lose(cause: PlinthError): void {
    this.connection.destroy(cause)
  }

  /** Lets the server fail with this SQLSTATE. */
  async raise(sqlstate: string): Promise<void> {
    const text = `do $$ begin raise exception 'raised by the fault mode' using errcode = '${sqlstate}'; end $$`
    await this.#turns.exclusive(() => this.#wire.send([{ text, values: [] }]))
  }

  get identity(): DatabaseIdentity {
    return this.connection.identity
  }

  get deadline(): Deadline {
    return this.#attempt.deadline
  }

  get status(): 'I' | 'T' | 'E' {
    return this.#wire.status
  }

  run(statement: Statement, settings: Statement | undefined, options: StatementOptions): Promise<StepAnswer> {
    const from = statementStart()
    const answer = this.#run(statement, settings, options)
    return watchStatement(answer, from, this.identity, statement.text, this.#attempt)
  }

  #run(statement: Statement, settings: Statement | undefined, options: StatementOptions): Promise<StepAnswer> {
    const limitMs = options.timeoutMs === undefined ? undefined : wholeMs(options.timeoutMs)
    noteSessionState(this.connection, statement.text)
    this.#turns.refuseIfFull()
    // From here on nothing may fail before the turn: what is carried would be lost.
    const carried = this.#takePending()
    const isAlone = !this.#wire.isBegun || limitMs !== undefined || options.signal !== undefined
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
      const answers = await this.#wire.send(
        sent,
        { text, maxBytes, signal: this.#anyOf(signal, limit?.signal) },
        carried,
      )
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
    noteSessionState(this.connection, text)
    this.#turns.refuseIfFull()
    const carried = this.#takePending()
    return this.#turns.exclusive(async () => {
      if (this.#wire.hasUnsent || carried.length > 0) await this.#wire.send([], { signal: this.deadline }, carried)
      this.deadline.throwIfAborted()
      this.#wire.throwIfOver()
      return this.#submit(query, text)
    })
  }

  async #submit(query: PgQuery, text: string): Promise<unknown> {
    const { statementTimeoutMs } = this.#home
    let cancelling: Promise<void> | undefined
    const cancel = (): void => {
      cancelling ??= cancelOrDestroy(this.connection)
    }
    this.deadline.addEventListener('abort', cancel)
    const capture = this.#witness.captureBehind(text)
    const { running, captured } = this.connection.together(() => ({
      running: executeQuery(this.connection, query, statementTimeoutMs),
      captured: capture && this.connection.run([capture], statementTimeoutMs),
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
    if (this.#dropPending(mark) || this.#wire.isLost || this.status === 'I') return
    const name = mark.text.slice('savepoint '.length)
    const statements = [`rollback to savepoint ${name}`, `release savepoint ${name}`].map((text) => ({
      text,
      values: [],
    }))
    // What is carried was meant for what is undone: savepoints inside it, portals opened inside it. In front of this
    // it would fail in a transaction that has failed, and take this with it.
    this.#pending = []
    try {
      await this.#turns.exclusive(() => {
        this.#wire.forgetUnsent()
        return this.#wire.send(statements, { withinMs: rollbackLimitMs })
      })
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
      if (this.#wire.isBegun) await this.#commit()
      this.#home.counts.remove(this)
    } finally {
      this.#turns.leave()
    }
  }

  async #commit(): Promise<void> {
    // Lost before COMMIT was sent: nothing was saved, and that is known.
    if (this.#wire.isLost) await this.#wire.send([], { phase: 'commit' })
    this.#wire.throwIfOver()
    // What is carried ends with the transaction.
    this.#pending = []
    this.#wire.forgetUnsent()
    const { name } = this
    const asked = this.hasWritten ? this.#home.position : undefined
    this.connection.committing = name
    try {
      const sent = this.#wire.send([commit], this.#commitAsked())
      const position = asked?.ask(this.connection)
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
      this.connection.committing = undefined
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
      if (!this.#wire.isBegun || this.#wire.isLost || this.status === 'I') return
      this.#wire.forgetUnsent()
      try {
        await this.#wire.send([{ text: 'rollback', values: [] }], { withinMs: rollbackLimitMs })
      } catch (cause) {
        this.connection.destroy(cause)
      }
    })
  }

  /** Not the list itself, also when it is empty: what is pushed later belongs to a later statement. */
  #takePending(): readonly Statement[] {
    return this.#pending.length === 0 ? nothing : this.#pending.splice(0)
  }

  /** True when the savepoint was never sent: there is nothing to release or undo. */
  #dropPending(mark: Statement): boolean {
    const at = this.#pending.indexOf(mark)
    return at >= 0 ? this.#pending.splice(at, 1).length > 0 : this.#wire.dropUnsent(mark)
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
