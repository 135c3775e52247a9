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
  onlyRow,
  onlyRowIfAny,
  refuseTransactionControl,
  settingsStatement,
  toQueryResult,
  toStatement,
} from './statement.ts'
import { readAlone } from './stream.ts'
import { runNamed, type TransactionHome } from './transaction.ts'

export interface SessionHome extends Omit<TransactionHome, 'acquire' | 'release' | 'isFree'> {
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

export function noSession(): PlinthError {
  return new PlinthError('SessionStatement', 'A pooler in transaction mode gives nobody a connection to keep.', {
    hint: 'For LISTEN, temporary tables and session locks make a database handle whose url leads straight to PostgreSQL.',
  })
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
  #isOpen = true
  /** The last transaction begun here; the next one, and every statement, waits for it. */
  #transaction: Promise<unknown> = Promise.resolve()
  #open = 0
  readonly #running = new Set<Promise<void>>()
  #alone: Promise<void> | undefined

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
    this.#refuseClosed()
    refuseRootHandle(this)
    const earlier = this.#transaction
    const ended = Promise.withResolvers<void>()
    this.#transaction = ended.promise
    this.#open++
    try {
      await earlier
      this.#refuseClosed()
      yield* readAlone(this.#transactionHome, options.signal, (tx) => tx.stream<R>(text, values, options))
    } finally {
      this.#open--
      ended.resolve()
    }
  }

  run<R>(operation: Typed<R>): Promise<R>
  run(operation: Operation): Promise<unknown> {
    return runOperation(operation, (one) => this.#execute(compile(one), {}))
  }

  async script(text: string): Promise<void> {
    await this.#outsideTransaction()
    try {
      await this.#connection.runScript(text)
    } catch (error) {
      const context = { phase: 'statement', outcomeWhenLost: 'unknown' } as const
      return this.#leaveWrongServer(isFailure(error) ? toPlinthError(error, context) : error)
    } finally {
      this.#home.position?.noteMissed()
      // A script may hold BEGIN without COMMIT; the next statement must not run inside it.
      if (!this.#connection.isLost && this.#connection.status !== 'I') await this.#connection.runScript('rollback')
    }
  }

  async transaction<R>(work: (tx: Transaction) => Promise<R>, options: TransactionOptions = {}): Promise<R> {
    this.#refuseClosed()
    const site = captureHolder()
    refuseNested(this.#home.database, { name: options.name ?? 'transaction', site })
    const earlier = this.#transaction
    const mine = earlier.then(() => this.#runTransaction(work, options, site))
    this.#transaction = mine.catch(() => undefined)
    this.#open++
    try {
      return await mine
    } finally {
      this.#open--
    }
  }

  #runTransaction<R>(work: (tx: Transaction) => Promise<R>, options: TransactionOptions, site: CallSite): Promise<R> {
    this.#refuseClosed()
    const named = { name: options.name ?? 'transaction', site }
    const scope: RunningScope = { database: this, ...named, isOpen: true, parent: undefined, holder: this.#holder }
    const inScope = (tx: Transaction): Promise<R> => runInScope(scope, () => work(tx))
    return runNamed(this.#transactionHome, inScope, options, named, false)
  }

  get #transactionHome(): TransactionHome {
    const connection = this.#connection
    return { ...this.#home, acquire: () => Promise.resolve(connection), release: () => undefined, isFree: () => true }
  }

  /** There is one connection, so a statement sent now would run inside the open transaction. */
  async #outsideTransaction(): Promise<void> {
    this.#refuseClosed()
    refuseRootHandle(this)
    while (this.#open > 0) await this.#transaction
    this.#refuseClosed()
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

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    // The next holder of the connection may listen to the same channel.
    for (const stop of this.#stops) stop()
    const { pool, statementTimeoutMs } = this.#home
    try {
      await Promise.allSettled(this.#running)
      if (!this.#connection.isLost) await this.#connection.reset(statementTimeoutMs)
    } catch (cause) {
      // A connection that cannot be reset is not handed to the next holder.
      this.#connection.destroy(cause)
    } finally {
      this.#holding.end()
      pool.release(this.#connection)
    }
  }

  #execute(statement: Statement, options: StatementOptions): Promise<StepAnswer> {
    const from = statementStart()
    return watchStatement(this.#run(statement, options), from, this.#home.identity, statement.text)
  }

  async #run(statement: Statement, options: StatementOptions): Promise<StepAnswer> {
    this.#refuseClosed()
    // Awaited only where there is something to wait for: what was called before the session was left is sent before.
    if (this.#open > 0) await this.#outsideTransaction()
    const settings = settingsStatement(options, this.#home.statementTimeoutMs)
    const limitMs = Math.max(options.timeoutMs ?? 0, this.#home.statementTimeoutMs)
    const context = { phase: 'statement', statement: statement.text, outcomeWhenLost: 'unknown' } as const
    const statements = settings ? [settings, statement] : [statement]
    const { signal, maxAnswerBytes: maxBytes } = options
    const answers = await this.#inTurn(signal, () =>
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

  /**
   * A cancel stops whatever the connection is running, so a statement that may be cancelled runs with none beside it.
   */
  async #inTurn<R>(signal: AbortSignal | undefined, run: () => Promise<R>): Promise<R> {
    while (this.#alone) await this.#alone
    const before = [...this.#running]
    const turn = signal ? Promise.allSettled(before).then(run) : run()
    const done = turn.then(
      () => undefined,
      () => undefined,
    )
    this.#running.add(done)
    if (signal) this.#alone = done
    try {
      return await turn
    } finally {
      this.#running.delete(done)
      if (this.#alone === done) this.#alone = undefined
    }
  }

  #refuseClosed(): void {
    if (this.#isOpen) return
    throw new PlinthError('DatabaseClosed', 'The session was disposed.', {
      hint: 'Keep the work inside the scope of `await using session`.',
    })
  }
}
