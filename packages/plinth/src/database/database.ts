import type { Connection } from '../driver/connection.ts'
import { loadPg } from '../driver/peer.ts'
import type { Operation, Typed } from '../operation/operation.ts'
import type { Value } from '../operation/value.ts'
import type { Sql } from '../sql/sql.ts'
import { Availability } from './availability.ts'
import { runBatch } from './batch.ts'
import { guardRootHandle } from './context.ts'
import { askFirst, type ServerDefaults } from './first-question.ts'
import type { Health } from './health-report.ts'
import { type Homes, makeHomes } from './homes.ts'
import { runIndependent } from './independent.ts'
import { noSession, openLimitedSession } from './limited-session.ts'
import { type DatabaseSettings, readOptions, wholeNumber } from './options.ts'
import { openPgPool } from './pg-pool-home.ts'
import type * as Q from './queryable.ts'
import { runOperationAlone, runSingle } from './single.ts'
import { onlyRow, onlyRowIfAny, refuseSessionStatement, toQueryResult, toStatement } from './statement.ts'
import { readAlone } from './stream.ts'
import { beginTransaction, runTransaction } from './transaction.ts'

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
  readonly #homes: Homes
  #closing: Promise<void> | undefined

  constructor(settings: DatabaseSettings) {
    const defaults: ServerDefaults = {}
    this.#settings = settings
    this.#availability = new Availability(
      settings.connection,
      settings.connectAttempts,
      (signal) => this.#openConnection(signal),
      (connection) => askFirst(connection, settings.limits.max, defaults),
    )
    this.#homes = makeHomes(this, settings, this.#availability, defaults)
  }

  get state(): Q.State {
    return this.#availability.state
  }

  async connect(options: { readonly deadlineMs?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    const deadlineMs = wholeNumber('deadlineMs', options.deadlineMs ?? 30_000, 1)
    const from = performance.now()
    this.#homes.replicas?.connect()
    await this.#availability.connect(deadlineMs, options.signal)
    await this.#homes.pool.keepWarm(deadlineMs - (performance.now() - from))
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
    guardRootHandle(this.#homes.transactions)
    return toQueryResult<R>(await runSingle(this.#homes.singles, sent, options, 'write'), options)
  }

  async batch(
    statements: readonly Q.BatchStatement[],
    options: Q.BatchOptions = {},
  ): Promise<readonly Q.BatchAnswer[]> {
    guardRootHandle(this.#homes.transactions)
    return runBatch(this.#homes.singles, statements, options)
  }

  async one<R = Q.ObjectRow>(text: string | Sql, values?: readonly Value[], options?: Q.StatementOptions): Promise<R> {
    return onlyRow((await this.query<R>(text, values, options)).rows)
  }

  async maybeOne<R = Q.ObjectRow>(
    text: string | Sql,
    values?: readonly Value[],
    options?: Q.StatementOptions,
  ): Promise<R | undefined> {
    return onlyRowIfAny((await this.query<R>(text, values, options)).rows)
  }

  stream<R = Q.ObjectRow>(
    text: string | Sql,
    values?: readonly Value[],
    options: Q.StreamOptions = {},
  ): AsyncIterable<R> {
    refuseSessionStatement(toStatement(text, values).text)
    guardRootHandle(this.#homes.transactions)
    return readAlone(this.#homes.transactions, options.signal, (tx) => tx.stream<R>(text, values, options))
  }

  run<R>(operation: Typed<R>): Promise<R>
  async run(operation: Operation): Promise<unknown> {
    guardRootHandle(this.#homes.transactions)
    return runOperationAlone(this.#homes.singles, operation)
  }

  transaction<R>(work: (tx: Q.Transaction) => Promise<R>, options: Q.TransactionOptions = {}): Promise<R> {
    return runTransaction(this.#homes.transactions, work, options, false)
  }

  async read<R>(work: (tx: Q.ReadTransaction) => Promise<R>, options: Q.TransactionOptions = {}): Promise<R> {
    const { transactions, replicas } = this.#homes
    return await runTransaction(replicas?.homeOfRead(transactions, options) ?? transactions, work, options, true)
  }

  async begin(options: Q.OwnedTransactionOptions = {}): Promise<Q.OwnedTransaction> {
    return beginTransaction(this.#homes.transactions, options)
  }

  async independent<R>(work: (tx: Q.Transaction) => Promise<R>, options: Q.TransactionOptions = {}): Promise<R> {
    return runIndependent(this.#homes.transactions, this.#homes.spare, work, options)
  }

  async session(options: Q.SessionOptions = {}): Promise<Q.Session> {
    guardRootHandle(this.#homes.transactions)
    if (this.#settings.connection.pooler) throw noSession()
    const { transactions, pool, beside } = this.#homes
    return openLimitedSession({ ...transactions, pool: options.isBesidePool ? beside : pool }, options)
  }

  pgPool(): ReturnType<Q.Database['pgPool']> {
    return openPgPool(this.#homes)
  }

  health(): Promise<Health> {
    return this.#homes.health.health()
  }

  async close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(wholeNumber('deadlineMs', options.deadlineMs ?? 10_000, 0))
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #openConnection(signal: AbortSignal): Promise<Connection> {
    const connection = await this.#settings.open(signal)
    const lookAgain = (): void => this.#availability.lookAgain()
    connection.onLost(lookAgain)
    connection.role.onReadOnly(lookAgain)
    return connection
  }

  async #close(deadlineMs: number): Promise<void> {
    const refusal = this.#availability.drain()
    const { pool, spare, beside, replicas, stopWatching } = this.#homes
    stopWatching()
    const pools = [pool, spare, beside].map((one) => one.close(refusal, deadlineMs))
    await Promise.all([...pools, replicas?.close(deadlineMs)])
    await this.#homes.reserved.close()
    await this.#availability.end()
  }
}
