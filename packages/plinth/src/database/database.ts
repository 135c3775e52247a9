import { Connection } from '../driver/connection.ts'
import { loadPg } from '../driver/peer.ts'
import { Pool } from '../driver/pool.ts'
import { runOperation } from '../operation/answer.ts'
import type { Operation, Typed } from '../operation/operation.ts'
import type { Value } from '../operation/value.ts'
import { compile } from '../sql/compile.ts'
import type { Sql } from '../sql/sql.ts'
import { Availability, closedError } from './availability.ts'
import { resolveCommit } from './commit-resolution.ts'
import { refuseRootHandle } from './context.ts'
import { LaneChoice } from './lane-choice.ts'
import { type DatabaseSettings, readOptions, wholeNumber } from './options.ts'
import type * as Q from './queryable.ts'
import { ReservedConnection } from './reserved-connection.ts'
import { openSession } from './session.ts'
import { type Effect, runSingle, type SingleHome } from './single.ts'
import { refuseSessionStatement, toQueryResult, toStatement } from './statement.ts'
import { beginTransaction, runTransaction, type TransactionHome } from './transaction.ts'

/**
 * Describes a database; nothing connects before the first use or `connect()`.
 * Throws `MissingPeer` without the package pg, `InvalidOption` for a setting that cannot be.
 *
 *     const db = createDatabase({ url: 'postgres://app@localhost/app', service: 'backend' })
 *     await db.connect()
 */
export function createDatabase(options: Q.DatabaseOptions): Q.Database {
  loadPg()
  return new PoolDatabase(readOptions(options))
}

class PoolDatabase implements Q.Database {
  readonly #settings: DatabaseSettings
  readonly #availability: Availability
  readonly #pool: Pool
  readonly #reserved: ReservedConnection
  readonly #singles: SingleHome
  readonly #transactions: TransactionHome
  #closing: Promise<void> | undefined

  constructor(settings: DatabaseSettings) {
    const { limits, statementTimeoutMs } = settings
    this.#settings = settings
    const { identity } = settings.connection
    this.#availability = new Availability(settings.connection, () => this.#openConnection())
    this.#pool = new Pool(
      limits,
      identity,
      () => this.#availability.open(),
      () => this.#availability.failure,
    )
    this.#reserved = new ReservedConnection(() => Connection.open(settings.connection))
    const { sharedLanes } = limits
    this.#singles = { identity, pool: this.#pool, lanes: new LaneChoice(1000), sharedLanes, statementTimeoutMs }
    this.#transactions = {
      database: this,
      identity,
      acquire: (signal) => this.#pool.acquire(signal),
      release: (connection) => this.#pool.release(connection),
      statementTimeoutMs,
      resolveCommit: (identity, deadline) => resolveCommit(this.#reserved, identity, deadline),
    }
  }

  get state(): Q.State {
    return this.#availability.state
  }

  async connect(options: { readonly deadlineMs?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#closing) throw closedError()
    const deadlineMs = wholeNumber('deadlineMs', options.deadlineMs ?? 30_000, 1)
    await this.#availability.connect(deadlineMs, options.signal)
  }

  on(_event: 'state', listener: (change: Q.StateChange) => void): () => void {
    return this.#availability.on(listener)
  }

  async query<R = Q.ObjectRow>(
    statement: string | Sql,
    values?: readonly Value[],
    options: Q.StatementOptions = {},
  ): Promise<Q.QueryResult<R>> {
    const sent = toStatement(statement, values)
    refuseSessionStatement(sent.text)
    refuseRootHandle(this)
    return toQueryResult<R>(await runSingle(this.#singles, sent, options, 'write'), options)
  }

  run<R>(operation: Typed<R>): Promise<R>
  async run(operation: Operation): Promise<unknown> {
    refuseRootHandle(this)
    const effect: Effect = operation.kind === 'select' || operation.kind === 'count' ? 'read' : 'write'
    return runOperation(operation, (one) => runSingle(this.#singles, compile(one), {}, effect))
  }

  async transaction<R>(work: (tx: Q.Transaction) => Promise<R>, options: Q.TransactionOptions = {}): Promise<R> {
    return runTransaction(this.#transactions, work, options, false)
  }

  async read<R>(work: (tx: Q.ReadTransaction) => Promise<R>, options: Q.TransactionOptions = {}): Promise<R> {
    return runTransaction(this.#transactions, work, options, true)
  }

  async begin(options: Omit<Q.TransactionOptions, 'retry'> = {}): Promise<Q.OwnedTransaction> {
    return beginTransaction(this.#transactions, options)
  }

  async session(options: { readonly signal?: AbortSignal } = {}): Promise<Q.Session> {
    const { identity, resolveCommit: resolve, statementTimeoutMs } = this.#transactions
    const home = { database: this, identity, pool: this.#pool, statementTimeoutMs, resolveCommit: resolve }
    return openSession(home, options.signal)
  }

  async close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(wholeNumber('deadlineMs', options.deadlineMs ?? 10_000, 0))
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #openConnection(): Promise<Connection> {
    const connection = await Connection.open(this.#settings.connection)
    connection.onLost(() => this.#availability.noteLost())
    return connection
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#availability.drain()
    await this.#pool.close(closedError(), deadlineMs)
    await this.#reserved.close()
    await this.#availability.end()
  }
}
