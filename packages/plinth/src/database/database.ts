import { Connection } from '../driver/connection.ts'
import { loadPg } from '../driver/peer.ts'
import { Pool, type PoolLimits } from '../driver/pool.ts'
import { describeServer } from '../driver/sqlstate.ts'
import { PlinthError } from '../errors.ts'
import { runOperation } from '../operation/answer.ts'
import type { Operation, Typed } from '../operation/operation.ts'
import type { Value } from '../operation/value.ts'
import { compile } from '../sql/compile.ts'
import type { Sql } from '../sql/sql.ts'
import { Availability, closedError } from './availability.ts'
import { pause } from './backoff.ts'
import { refuseRootHandle } from './context.ts'
import { LaneChoice } from './lane-choice.ts'
import type * as Q from './queryable.ts'
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
  return new PoolDatabase(options)
}

class PoolDatabase implements Q.Database {
  readonly #url: string
  readonly #limits: PoolLimits
  readonly #statementTimeoutMs: number
  readonly #availability: Availability
  readonly #pool: Pool
  readonly #lanes = new LaneChoice(1000)
  readonly #transactions: TransactionHome
  #closing: Promise<void> | undefined

  constructor(options: Q.DatabaseOptions) {
    this.#url = checkedUrl(options.url)
    this.#limits = poolLimits(options.pool ?? {})
    this.#statementTimeoutMs = atLeast('statementTimeoutMs', options.statementTimeoutMs ?? 30_000, 1)
    this.#availability = new Availability(() => this.#openConnection(options))
    this.#pool = new Pool(
      this.#limits,
      () => this.#availability.open(),
      () => this.#availability.failure,
    )
    this.#transactions = {
      database: this,
      acquire: (signal) => this.#pool.acquire(signal),
      release: (connection) => this.#pool.release(connection),
      statementTimeoutMs: this.#statementTimeoutMs,
    }
  }

  get state(): Q.State {
    return this.#availability.state
  }

  async connect(options: { readonly deadlineMs?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#closing) throw closedError()
    const deadlineMs = atLeast('deadlineMs', options.deadlineMs ?? 30_000, 1)
    const ended = new AbortController()
    const signals = [ended.signal, ...(options.signal ? [options.signal] : [])]
    const timeout = pause(deadlineMs, AbortSignal.any(signals)).then(() => {
      options.signal?.throwIfAborted()
      throw this.#unreachable(deadlineMs)
    })
    try {
      await Promise.race([this.#availability.reachable(), timeout])
    } finally {
      ended.abort()
      timeout.catch(() => undefined)
    }
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
    return toQueryResult<R>(await runSingle(this.#singleHome, sent, options, 'write'), options)
  }

  run<R>(operation: Typed<R>): Promise<R>
  async run(operation: Operation): Promise<unknown> {
    refuseRootHandle(this)
    const effect: Effect = operation.kind === 'select' || operation.kind === 'count' ? 'read' : 'write'
    return runOperation(operation, (one) => runSingle(this.#singleHome, compile(one), {}, effect))
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
    return openSession(
      { database: this, pool: this.#pool, statementTimeoutMs: this.#statementTimeoutMs },
      options.signal,
    )
  }

  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.deadlineMs ?? 10_000)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #singleHome(): SingleHome {
    return {
      pool: this.#pool,
      lanes: this.#lanes,
      sharedLanes: this.#limits.sharedLanes,
      statementTimeoutMs: this.#statementTimeoutMs,
    }
  }

  async #openConnection(options: Q.DatabaseOptions): Promise<Connection> {
    const connection = await Connection.open({
      url: this.#url,
      service: options.service ?? 'plinth',
      connectTimeoutMs: options.connectTimeoutMs ?? 5000,
      settings: {
        // The decoders read these formats, whatever the server's or the role's own settings say.
        DateStyle: 'ISO',
        IntervalStyle: 'postgres',
        bytea_output: 'hex',
        extra_float_digits: '1',
        statement_timeout: String(this.#statementTimeoutMs),
        lock_timeout: String(options.lockTimeoutMs ?? 5000),
        idle_in_transaction_session_timeout: String(options.idleInTransactionTimeoutMs ?? 10_000),
      },
    })
    connection.onLost(() => this.#availability.noteLost())
    return connection
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#availability.drain()
    await this.#pool.close(closedError(), deadlineMs)
    await this.#availability.end()
  }

  #unreachable(deadlineMs: number): PlinthError {
    const last = this.#availability.failure
    const why = last ? ` Last: ${last.message}` : ''
    return new PlinthError(
      'ConnectionFailed',
      `PostgreSQL at ${describeServer(this.#url)} was not reachable within ${deadlineMs} ms.${why}`,
      {
        phase: 'connect',
        retryable: true,
        cause: last,
        hint: 'Is the server running, and reachable from here?',
      },
    )
  }
}

function poolLimits(pool: Q.PoolOptions): PoolLimits {
  const max = atLeast('pool.max', pool.max ?? 10, 1)
  const sharedLanes = atLeast('pool.sharedLanes', pool.sharedLanes ?? (max === 1 ? 0 : Math.min(2, max - 1)), 0)
  if (sharedLanes > 4 || sharedLanes >= max) {
    throw new PlinthError(
      'InvalidOption',
      `pool.sharedLanes is ${sharedLanes}; it must be at most 4 and leave an exclusive lane of pool.max ${max}.`,
    )
  }
  return {
    max,
    sharedLanes,
    acquireTimeoutMs: atLeast('pool.acquireTimeoutMs', pool.acquireTimeoutMs ?? 5000, 1),
    maxWaiting: atLeast('pool.maxWaiting', pool.maxWaiting ?? 1000, 0),
    idleTimeoutMs: atLeast('pool.idleTimeoutMs', pool.idleTimeoutMs ?? 60_000, 1),
  }
}

function atLeast(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value
  throw new PlinthError('InvalidOption', `${name} is ${value}; it must be a whole number of at least ${least}.`)
}

function checkedUrl(url: string): string {
  const protocol = URL.parse(url)?.protocol
  if (protocol === 'postgres:' || protocol === 'postgresql:') return url
  throw new PlinthError('InvalidOption', 'The database url must begin with postgres:// or postgresql://.', {
    hint: 'postgres://user:password@host:5432/database; percent-encode special characters of the password.',
  })
}
