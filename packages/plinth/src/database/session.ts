import type { Connection } from '../driver/connection.ts'
import type { Statement, StepAnswer } from '../driver/exchange.ts'
import type { Pool } from '../driver/pool.ts'
import { toPlinthError } from '../driver/sqlstate.ts'
import { PlinthError } from '../errors.ts'
import { statementStart, watchStatement } from '../observe/watch.ts'
import { runOperation } from '../operation/answer.ts'
import type { Operation, Typed } from '../operation/operation.ts'
import type { Value } from '../operation/value.ts'
import { compile } from '../sql/compile.ts'
import { quoteName, type Sql } from '../sql/sql.ts'
import { type CallSite, captureHolder } from '../driver/call-site.ts'
import { refuseNested, refuseRootHandle, type RunningScope, runInScope } from './context.ts'
import { isFailure, isWrongServer, runHeld } from './held.ts'
import { enterHolding, type Holding } from './holding.ts'
import { isRead } from './lane-choice.ts'
import type {
  ObjectRow,
  QueryResult,
  Session,
  StatementOptions,
  StreamOptions,
  Transaction,
  TransactionOptions,
} from './queryable.ts'
import {
  contextAlone,
  onlyRow,
  onlyRowIfAny,
  refuseTransactionControl,
  settingsStatement,
  toQueryResult,
  toStatement,
} from './statement.ts'
import { readAlone } from './stream.ts'
import { runNamed, type TransactionHome } from './transaction.ts'
import { Turns } from './turns.ts'

export interface SessionHome extends Omit<TransactionHome, 'acquire' | 'release' | 'isFree' | 'isGone'> {
  readonly pool: Pool
}

export async function openSession(home: SessionHome, signal?: AbortSignal): Promise<Session> {
  const holder = { name: 'session', site: captureHolder(), isLasting: false }
  const holding = enterHolding(holder)
  const connection = await home.pool.acquire(holder, signal).catch((error: unknown) => {
    holding.end()
    throw error
  })
  holding.begin()
  return new PoolSession(home, connection, holder, holding)
}

/**
 * One exclusive lane for as long as its holder wants it. What it left behind is undone when it goes back to the pool.
 */
class PoolSession implements Session {
  readonly #home: SessionHome
  readonly #connection: Connection
  readonly #holder: { isLasting: boolean }
  readonly #holding: Holding
  readonly #listening = new Map<string, number>()
  readonly #stops = new Set<() => void>()
  readonly #unwatches = new Set<() => void>()
  #isOpen = true
  /** A transaction, a stream, a script and the end of the session are exclusive, as are statements with a signal. */
  readonly #turns = new Turns()

  constructor(home: SessionHome, connection: Connection, holder: { isLasting: boolean }, holding: Holding) {
    this.#home = home
    this.#holding = holding
    this.#holder = holder
    this.#connection = connection
  }

  async query<R = ObjectRow>(
    statement: string | Sql,
    values?: readonly Value[],
    options: StatementOptions = {},
  ): Promise<QueryResult<R>> {
    const sent = toStatement(statement, values)
    refuseTransactionControl(sent.text)
    return toQueryResult<R>(await this.#execute(sent, options), options)
  }

  async one<R = ObjectRow>(text: string | Sql, values?: readonly Value[], options?: StatementOptions): Promise<R> {
    return onlyRow((await this.query<R>(text, values, options)).rows)
  }

  async maybeOne<R = ObjectRow>(
    text: string | Sql,
    values?: readonly Value[],
    options?: StatementOptions,
  ): Promise<R | undefined> {
    return onlyRowIfAny((await this.query<R>(text, values, options)).rows)
  }

  /** Like a transaction of the session: what is called meanwhile waits for its end. */
  async *stream<R = ObjectRow>(
    text: string | Sql,
    values?: readonly Value[],
    options: StreamOptions = {},
  ): AsyncGenerator<R, void, undefined> {
    const turn = await this.#takeTurn()
    try {
      yield* readAlone(this.#transactionHome, options.signal, (tx) => tx.stream<R>(text, values, options))
    } finally {
      turn.resolve()
    }
  }

  /** An exclusive turn that lasts until it is resolved. */
  #takeTurn(): Promise<PromiseWithResolvers<void>> {
    const taken = Promise.withResolvers<PromiseWithResolvers<void>>()
    const hold = async (): Promise<void> => {
      const ended = Promise.withResolvers<void>()
      taken.resolve(ended)
      await ended.promise
    }
    this.#exclusive(hold).catch(taken.reject)
    return taken.promise
  }

  /** There is one connection, so what is sent now would run inside an open transaction. */
  #exclusive<R>(work: () => Promise<R>): Promise<R> {
    return this.#inTurn('exclusive', work)
  }

  async #inTurn<R>(kind: 'exclusive' | 'shared', work: () => Promise<R>): Promise<R> {
    this.#refuseClosed()
    refuseRootHandle(this)
    this.#turns.refuseIfFull()
    return this.#turns[kind](work)
  }

  run<R>(operation: Typed<R>): Promise<R>
  run(operation: Operation): Promise<unknown> {
    return runOperation(operation, (one) => this.#execute(compile(one), {}))
  }

  script(text: string): Promise<void> {
    return this.#exclusive(async () => {
      const run = (script: string): Promise<unknown> =>
        this.#connection.runScript(script).catch((error: unknown) => {
          const context = { phase: 'statement', outcomeWhenLost: 'unknown' } as const
          return this.#leaveWrongServer(isFailure(error) ? toPlinthError(error, context) : error)
        })
      try {
        await run(text)
      } finally {
        this.#home.position?.noteMissed()
        // A script may hold BEGIN without COMMIT; the next statement must not run inside it.
        if (!this.#connection.isLost && this.#connection.status !== 'I')
          await run('rollback').catch((cause: unknown) => this.#connection.destroy(cause))
      }
    })
  }

  async transaction<R>(work: (tx: Transaction) => Promise<R>, options: TransactionOptions = {}): Promise<R> {
    const site = captureHolder()
    this.#refuseClosed()
    refuseNested(this.#home.database, { name: options.name ?? 'transaction', site })
    return this.#exclusive(() => this.#runTransaction(work, options, site))
  }

  #runTransaction<R>(work: (tx: Transaction) => Promise<R>, options: TransactionOptions, site: CallSite): Promise<R> {
    const named = { name: options.name ?? 'transaction', site }
    const scope: RunningScope = { database: this, ...named, isOpen: true, parent: undefined, holder: this.#holder }
    const inScope = (tx: Transaction): Promise<R> => runInScope(scope, () => work(tx))
    return runNamed(this.#transactionHome, inScope, options, named, false)
  }

  get #transactionHome(): TransactionHome {
    const connection = this.#connection
    return {
      ...this.#home,
      acquire: () => Promise.resolve(connection),
      release: () => undefined,
      isFree: () => true,
      isGone: () => connection.isLost,
    }
  }

  async listen(channel: string, receive: (payload: string) => void): Promise<AsyncDisposable> {
    const name = quoteName(channel)
    const stop = this.#connection.onNotification((from, payload) => {
      if (from === channel) receive(payload)
    })
    this.#stops.add(stop)
    this.#holder.isLasting = true
    this.#listening.set(channel, (this.#listening.get(channel) ?? 0) + 1)
    const leave = async (): Promise<void> => {
      stop()
      if (!this.#stops.delete(stop)) return
      this.#holder.isLasting = this.#stops.size > 0
      const left = (this.#listening.get(channel) ?? 1) - 1
      this.#listening.set(channel, left)
      // Others may listen here too, and a connection that is gone listens no more.
      if (left === 0 && this.#isOpen && !this.#connection.isLost)
        await this.#execute({ text: `unlisten ${name}`, values: [] }, {})
    }
    try {
      await this.#execute({ text: `listen ${name}`, values: [] }, {})
    } catch (error) {
      stop()
      this.#stops.delete(stop)
      throw error
    }
    return { [Symbol.asyncDispose]: leave }
  }

  onLost(listener: (cause: unknown) => void): () => void {
    const stop = this.#connection.onLost(listener)
    this.#unwatches.add(stop)
    return () => {
      stop()
      this.#unwatches.delete(stop)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    // The next holder of the connection may listen to the same channel.
    for (const stop of [...this.#stops, ...this.#unwatches]) stop()
    const { pool, statementTimeoutMs } = this.#home
    // Behind all that was asked for before, a transaction to its end: its statements must not meet the next holder's.
    await this.#turns.exclusive(async () => {
      try {
        if (!this.#connection.isLost) await this.#connection.reset(statementTimeoutMs)
      } catch {
        const message = 'A session left something behind that could not be undone.'
        this.#connection.destroy(new PlinthError('ConnectionLost', message))
      } finally {
        this.#holding.end()
        pool.release(this.#connection)
      }
    })
  }

  #execute(statement: Statement, options: StatementOptions): Promise<StepAnswer> {
    const from = statementStart()
    return watchStatement(this.#run(statement, options), from, this.#home.identity, statement.text)
  }

  async #run(statement: Statement, options: StatementOptions): Promise<StepAnswer> {
    const settings = settingsStatement(options, this.#home.statementTimeoutMs)
    const limitMs = Math.max(options.timeoutMs ?? 0, this.#home.statementTimeoutMs)
    const context = contextAlone(statement.text, 'unknown')
    const statements = settings ? [settings, statement] : [statement]
    const { signal, maxAnswerBytes: maxBytes } = options
    // A cancel stops whatever the connection is running.
    const answers = await this.#inTurn(signal ? 'exclusive' : 'shared', () =>
      runHeld(this.#connection, statements, { limitMs, signal, context, maxBytes }),
    )
      .catch((error: unknown) => this.#leaveWrongServer(error))
      .finally(() => this.#noteWrite(statement.text))
    const answer = answers.at(-1)
    if (!answer) throw new PlinthError('StatementFailed', 'The server answered fewer statements than were sent.')
    return answer
  }

  /** The connection is the session's until it ends; the next one gets another. */
  #leaveWrongServer(error: unknown): never {
    if (isWrongServer(error)) this.#home.leaveServer()
    throw error
  }

  #noteWrite(text: string): void {
    const { position } = this.#home
    if (position && !isRead(text)) position.noteMissed()
  }

  #refuseClosed(): void {
    if (this.#isOpen) return
    throw new PlinthError('DatabaseClosed', 'The session was disposed.', {
      hint: 'Keep the work inside the scope of `await using session`.',
    })
  }
}
