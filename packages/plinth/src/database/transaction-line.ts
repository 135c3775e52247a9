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
import { cancelOrDestroy, runHeld } from './held.ts'
import { commitGraceMs, type ResolveCommit, settleLostCommit } from './lost-commit.ts'
import type { LogPosition } from './log-position.ts'
import type { IsolationLevel, StatementOptions } from './queryable.ts'
import type { TransactionCounts } from './transaction-counts.ts'
import { StatementLimit } from './statement-limit.ts'

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

/**
 * The wire side of one transaction on its exclusive lane. BEGIN, SAVEPOINT and RELEASE wait for the next statement and
 * travel with it in one Sync, so a transaction of n statements takes n + 1 round trips and one without any takes none.
 */
export class TransactionLine {
  #connection: Connection
  readonly #options: LineOptions
  #pending: Statement[]
  #begun: Promise<unknown> | undefined
  #marks = 0
  #portals = 0
  readonly #witness: CommitWitness

  constructor(connection: Connection, options: LineOptions) {
    this.#connection = connection
    this.#options = options
    this.#pending = beginStatements(options, connection.pooler)
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

  /** False when it is certain that there is nothing to commit. */
  get hasWritten(): boolean {
    return this.#begun !== undefined && this.status === 'T' && !this.#witness.hasWrittenNothing
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
    await this.#send([{ text, values: [] }], 'statement', 'not applied', undefined)
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
    noteSessionState(this.#connection, statement.text)
    const capture = this.#witness.captureBehind(statement.text)
    const statements = [...this.#takePending(), ...(settings ? [settings] : []), statement]
    using limit = options.timeoutMs === undefined ? undefined : new StatementLimit(options.timeoutMs)
    const extra = [options.signal, limit?.signal].filter((signal) => signal !== undefined)
    const signal = extra.length === 0 ? this.signal : AbortSignal.any([this.signal, ...extra])
    const asked = { text: statement.text, maxBytes: options.maxAnswerBytes }
    const sent = capture ? [...statements, capture] : statements
    const answers = await this.#send(sent, 'statement', 'not applied', signal, asked).catch((error: unknown) => {
      if (isPlinthError(error, 'AnswerTooLarge')) this.#witness.noteMissed()
      throw error
    })
    if (capture) this.#witness.note(answers[statements.length])
    const answer = answers[statements.length - 1]
    if (!answer) throw new PlinthError('StatementFailed', 'The server answered fewer statements than were sent.')
    return answer
  }

  /**
   * Runs one of pg's own queries, for `tx.pg`. It cannot share a Sync, so what is pending goes in front by itself, and
   * the lane must be quiet.
   */
  runQuery(query: PgQuery): Promise<unknown> {
    const from = statementStart()
    return watchStatement(this.#runQuery(query), from, this.identity, query.text ?? '', this.#options)
  }

  async #runQuery(query: PgQuery): Promise<unknown> {
    const { statementTimeoutMs } = this.#options
    const text = query.text ?? ''
    const pending = this.#takePending()
    if (pending.length > 0) await this.#send(pending, 'statement', 'not applied', this.signal)
    else await this.#begun
    while (this.#connection.inFlight > 0) await this.#send([], 'statement', 'not applied', undefined)
    this.signal.throwIfAborted()
    if (this.status === 'I' && !this.#connection.isLost) throw this.#endedElsewhere()
    noteSessionState(this.#connection, text)
    const cancel = (): void => void cancelOrDestroy(this.#connection)
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
    try {
      await this.#send([...this.#takePending(), ...statements], 'statement', 'not applied', undefined)
    } catch (error) {
      // The savepoint was never reached: an earlier statement had failed. The transaction stays failed and says so at
      // its end.
      if (!(error instanceof PlinthError)) throw error
    }
  }

  /** COMMIT, with its command tag checked: PostgreSQL answers ROLLBACK to the COMMIT of a failed transaction. */
  async commit(): Promise<void> {
    await this.#commit()
    this.#options.counts.remove(this)
  }

  async #commit(): Promise<void> {
    if (!this.#begun) return
    // Lost before COMMIT was sent: nothing was saved, and that is known.
    if (this.#connection.isLost) await this.#send([], 'commit', 'not applied', undefined)
    if (this.status === 'I') throw this.#endedElsewhere()
    this.#pending = []
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
    const sent = this.#send([{ text: 'commit', values: [] }], 'commit', 'unknown', undefined, { limitMs })
    const asked = this.#options.position && this.hasWritten ? this.#askBehind(this.#options.position) : undefined
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
      stop()
      await asked
    }
  }

  /** Behind COMMIT, which waits for the same promise and was called first. */
  async #askBehind(position: LogPosition): Promise<void> {
    await this.#begun
    await position.ask(this.#connection)
  }

  /** A rollback that fails destroys the connection, which rolls back too; it never hides the error that led here. */
  async rollback(): Promise<void> {
    this.#options.counts.remove(this)
    if (!this.#begun || this.#connection.isLost || this.status === 'I') return
    try {
      await this.#send([{ text: 'rollback', values: [] }], 'statement', 'not applied', undefined)
    } catch (cause) {
      this.#connection.destroy(cause)
    }
  }

  /**
   * The exchange with BEGIN goes alone: what is sent behind it would commit by itself if BEGIN failed. Everything waits
   * for the same promise once, so the order stays that of the calls.
   */
  async #send(
    statements: readonly Statement[],
    phase: Phase,
    outcomeWhenLost: Outcome,
    signal: AbortSignal | undefined,
    asked: { readonly text?: string; readonly maxBytes?: number | undefined; readonly limitMs?: number } = {},
  ): Promise<readonly StepAnswer[]> {
    const { name, statementTimeoutMs, attempt, readOnly } = this.#options
    const context = {
      phase,
      transaction: name,
      attempts: attempt,
      outcomeWhenLost,
      isReadOnly: readOnly,
      ...(asked.text === undefined ? {} : { statement: asked.text }),
    }
    const run = (): Promise<readonly StepAnswer[]> =>
      runHeld(this.#connection, statements, {
        limitMs: asked.limitMs ?? statementTimeoutMs,
        signal,
        context,
        maxBytes: asked.maxBytes,
        // BEGIN is the ping: a live server answers it at once, whatever the first statement does behind it.
        firstWithinMs: this.#begun ? undefined : (this.#connection.pooler?.patienceMs ?? beginLimitMs),
      })
    if (!this.#begun) {
      const { beginRead } = this.#options
      const first = beginRead ? beginRead(this, run) : run()
      this.#begun = first.catch(() => undefined)
      return first
    }
    await this.#begun
    if (this.status === 'I' && !this.#connection.isLost && phase === 'statement') throw this.#endedElsewhere()
    return run()
  }

  #takePending(): readonly Statement[] {
    const pending = this.#pending
    if (pending.length > 0) this.#pending = []
    return pending
  }

  #dropPending(mark: Statement): boolean {
    const at = this.#pending.indexOf(mark)
    if (at >= 0) this.#pending.splice(at, 1)
    return at >= 0
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
