import type { Pool as PgPool, TransactionClient } from '../pg-pool/type.ts'
import type { State } from '../observe/observation.ts'
import type { AnswerColumn } from '../operation/row-reader.ts'
import type { Typed } from '../operation/operation.ts'
import type { Value } from '../operation/value.ts'
import type { Sql } from '../sql/sql.ts'
import type { Health, Outage } from './health-report.ts'

export interface StatementOptions {
  /**
   * Settings in the same round trip, as `set_config(name, value, true)`:
   * `{ role: 'backend', 'request.jwt.claims': '{…}' }`. Of a statement by itself they are gone when it has ended; in a
   * transaction they hold until its end, for the statements behind it too.
   */
  readonly settings?: Readonly<Record<string, string>>
  /** `text`: rows are arrays of PostgreSQL's text, undecoded. Default `object`. */
  readonly rows?: 'object' | 'text'
  /** The server cancels the statement after this time. Default: the database's `statementTimeoutMs`. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** An answer with more bytes of values is dropped, and the statement fails with AnswerTooLarge. Default: no limit. */
  readonly maxAnswerBytes?: number
}

/** One statement of `Database.batch`. */
export interface BatchStatement {
  readonly text: string
  readonly values: readonly Value[]
  /** It stands for the batch in telemetry and in the choice of a connection. Default: the last one does. */
  readonly isMain?: true
}

export interface BatchOptions extends Omit<StatementOptions, 'rows'> {
  /**
   * Settings of the session, as role and search_path, that stay on the connection: a batch that finds one where they
   * are sends nothing for them. Whoever else gets that connection finds it as it was opened. A role that the login may
   * no longer take is refused within a second. Give the same object for the same settings.
   */
  readonly laneSettings?: Readonly<Record<string, string>>
  /** `read`: it changes nothing, may share a connection, and is run again when that breaks. Default `write`. */
  readonly effect?: 'read' | 'write'
  /** It may run functions that leave settings on the connection, so the next one resets it. Default: for writes. */
  readonly runsCode?: boolean
  /** Default: the database's own, normally read committed. */
  readonly isolation?: IsolationLevel
  /** `rollback`: the statements are answered, deferred constraints are checked, and all is undone. Default `commit`. */
  readonly end?: 'commit' | 'rollback'
}

export interface BatchAnswer {
  readonly columns: readonly AnswerColumn[]
  readonly rows: readonly ByteRow[]
  readonly rowCount: number
}

/** `timeoutMs` and `maxAnswerBytes` hold for each batch. */
export interface StreamOptions extends StatementOptions {
  /** Rows fetched with one round trip. Default 500. */
  readonly batchRows?: number
}

export interface QueryResult<R> {
  readonly rows: R[]
  /** From the command tag: rows read or written. */
  readonly rowCount: number
  readonly columns: readonly AnswerColumn[]
}

export type ObjectRow = Record<string, unknown>
export type TextRow = readonly (string | null)[]
/** PostgreSQL's text of each value, in UTF-8. */
export type ByteRow = readonly (Uint8Array | null)[]

/** What runs statements and operations: a database, a session, a transaction. */
export interface Queryable {
  /** Runs one statement. `query(sql\`…\`)` binds what the template holds; `query(text, values)` is the plain form. */
  query(
    statement: string | Sql,
    values: readonly Value[] | undefined,
    options: StatementOptions & { readonly rows: 'text' },
  ): Promise<QueryResult<TextRow>>
  /** The rows have the type the caller says of its own SQL. */
  query<R = ObjectRow>(
    statement: string | Sql,
    values?: readonly Value[],
    options?: StatementOptions,
  ): Promise<QueryResult<R>>
  /**
   * The one row of an answer. Throws RowNotFound for none and TooManyRows for more; the statement has run then, and
   * only in a transaction can it be undone.
   */
  one<R = ObjectRow>(statement: string | Sql, values?: readonly Value[], options?: StatementOptions): Promise<R>
  /** The same, with undefined for none. */
  maybeOne<R = ObjectRow>(
    statement: string | Sql,
    values?: readonly Value[],
    options?: StatementOptions,
  ): Promise<R | undefined>
  /**
   * The rows of one statement, `batchRows` of them in memory at a time, whatever their number. Leaving the loop ends
   * the statement. In a transaction they come from it; a database or session opens a READ ONLY one of its own, holds
   * its connection until the loop ends, and gives up when no row was taken for `idleInTransactionTimeoutMs`.
   *
   *     for await (const row of db.stream<{ id: number }>('select id from events order by id')) await send(row.id)
   */
  stream<R = ObjectRow>(statement: string | Sql, values?: readonly Value[], options?: StreamOptions): AsyncIterable<R>
  /** Runs an operation; the result has the type the operation says. */
  run<R>(operation: Typed<R>): Promise<R>
}

declare const reading: unique symbol
declare const writing: unique symbol
declare const owning: unique symbol

/** A read-only transaction. Branded: a Database, a Session or a look-alike is not one. */
export interface ReadTransaction extends Queryable {
  readonly [reading]: true
  readonly name: string
  /** 1 on the first try, 2 on the first retry. */
  readonly attempt: number
  /** Aborted when the transaction's deadline passes or its caller aborts. Give it to whatever else you await inside. */
  readonly signal: AbortSignal
  /**
   * The rows of one statement as they come over the wire, in batches of about 128 KiB, of which one is in memory at a
   * time. Leaving the loop ends the statement.
   */
  streamBytes(
    statement: string | Sql,
    values?: readonly Value[],
    options?: Omit<StreamOptions, 'rows' | 'batchRows'>,
  ): AsyncIterable<readonly ByteRow[]>
}

/** A transaction somebody else owns: a service that is given one cannot begin, commit or roll back. */
export interface Transaction extends ReadTransaction {
  readonly [writing]: true
  /**
   * Runs `work` in a savepoint: when it throws, its writes are undone, the transaction goes on, and the error is thrown
   * here.
   */
  savepoint<R>(work: (tx: Transaction) => Promise<R>): Promise<R>
  /**
   * Waits until no other transaction holds `key`, and holds it until this one ends: `pg_advisory_xact_lock`. A text is
   * hashed by `hashtextextended(key, 0)`, so that all services agree; a bigint is the key itself. Throws LockTimeout
   * after `lockTimeoutMs`.
   */
  lock(key: string | bigint): Promise<void>
  /**
   * The transaction as a pg client, for a library that is to work inside it: `drizzle(tx.pg)`. Its BEGIN is a
   * savepoint, and whatever is not part of it waits until it ends; one still open at the end is FloatingStatement. A
   * COMMIT that is not its own is refused. Results and errors are pg's own.
   */
  readonly pg: TransactionClient
  /** Runs `hook` after COMMIT was confirmed. It cannot undo the transaction; a failing hook is an observation. */
  afterCommit(hook: () => void | Promise<void>): void
  /**
   * Runs `hook` after the transaction has ended, where it or the savepoint of this handle was rolled back. Where nobody
   * knows the outcome of a COMMIT, neither kind of hook runs. A hook may take 30 s; its caller waits for it.
   */
  afterRollback(hook: () => void | Promise<void>): void
}

/** The owner's form, from `db.begin()`: leaving its scope without a commit rolls back. */
export interface OwnedTransaction extends Transaction, AsyncDisposable {
  readonly [owning]: true
  commit(): Promise<void>
  rollback(): Promise<void>
}

export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable'

export interface TransactionOptions {
  /** Shown in errors and telemetry. Default `transaction`. */
  readonly name?: string
  /** Default: the database's own, normally read committed. */
  readonly isolation?: IsolationLevel
  /** Whole time for all attempts, waiting for a connection included. Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  readonly retry?: RetryOptions
  /**
   * Runs the callback once for this key, which a client sends again with the request it repeats. The result is stored
   * as JSON by the same transaction, and a repeat gets it without the callback or its hooks. Needs `installSchema(db)`.
   * Throws IdempotencyConflict for another request under the key, and IdempotencyInFlight while the first one runs. For
   * `transaction` and `independent` alone. A text is `{ key }`.
   */
  readonly idempotencyKey?: string | IdempotencyKey
}

export interface IdempotencyKey {
  /** At most 255 characters, like `scope`. */
  readonly key: string
  /** Whose key it is, as the user and the route: the same key in another scope is another one. Default empty. */
  readonly scope?: string
  /** What was asked for, as JSON. Its hash alone is stored, and compared with a repeat's. Default: nothing. */
  readonly request?: unknown
  /** After this time the key counts as unused. Default 86,400,000, a day. */
  readonly expiresAfterMs?: number
}

/** Of `db.begin()`, which has no callback that could be run again or left out. */
export type OwnedTransactionOptions = Omit<TransactionOptions, 'retry' | 'idempotencyKey'>

/**
 * Running work again that failed and is known not to be applied: after serialization failures, deadlocks, a connection
 * that broke before COMMIT, and the others of the table in docs/guides/transactions.md. The delay before an attempt is
 * random, from 0 to `baseMs * factor ** (attempts before - 1)`, at most `capMs`. Never past `timeoutMs`; at most 10 %
 * of the calls of the last 10 s (but 100 in any case); and not inside another transaction, which is run again itself.
 */
export interface RetryOptions {
  /** The first one included. Default 5; 1 turns running again off. */
  readonly attempts?: number
  /** Default 10. */
  readonly baseMs?: number
  /** Default 2. */
  readonly factor?: number
  /** Default 1,000. */
  readonly capMs?: number
  /**
   * Asked about errors that are run again only on request: a lock timeout (55P03), an object in use (55006), a
   * statement timeout (57014), an error of your own. Not asked where the outcome is unknown, or where the same work
   * fails again.
   */
  readonly retryable?: (error: unknown) => boolean
}

export interface SessionOptions {
  readonly signal?: AbortSignal
  /**
   * On a connection beyond `pool.max`, of which there is one in turn: for a session that is kept as long as the
   * process, such as one that listens, so that it takes nothing from the others' work.
   */
  readonly isBesidePool?: boolean
  /** In place of the database's own, for what runs on this session: a migration, a report. */
  readonly statementTimeoutMs?: number
  readonly lockTimeoutMs?: number
}

/** One connection for its holder alone: LISTEN, temporary tables, advisory locks. */
export interface Session extends Queryable, AsyncDisposable {
  transaction<R>(work: (tx: Transaction) => Promise<R>, options?: TransactionOptions): Promise<R>
  /** Runs a text of several statements by the simple protocol: a schema file, a dump. No parameters, no rows. */
  script(text: string): Promise<void>
  listen(channel: string, receive: (payload: string) => void): Promise<AsyncDisposable>
  /**
   * Calls `listener` once when the connection breaks, at once if it already has: who only listens asks nothing, and
   * would not see it. The returned function stops it.
   */
  onLost(listener: (cause: unknown) => void): () => void
}

export type { State }

export interface StateChange {
  readonly from: State
  readonly to: State
  readonly at: Date
  /** Of a change to `error`: why the server cannot be used. */
  readonly cause?: unknown
  /** Of a change to `error`: since when, how often it was tried, and when it is tried next. */
  readonly outage?: Outage
}

export interface Database extends Queryable, AsyncDisposable {
  readonly state: State
  /**
   * Connects, or waits for the attempt under way. Retries with backoff and jitter until the deadline. Default 30,000.
   */
  connect(options?: { readonly deadlineMs?: number; readonly signal?: AbortSignal }): Promise<void>
  /** Calls `listener` on each change of state; the returned function stops it. */
  on(event: 'state', listener: (change: StateChange) => void): () => void
  /** Runs `work` in a transaction and commits when it resolves. Runs it again on 40001 and 40P01. */
  transaction<R>(work: (tx: Transaction) => Promise<R>, options?: TransactionOptions): Promise<R>
  /** Runs `work` in a READ ONLY transaction, on a replica where there are any and one is fit. */
  read<R>(work: (tx: ReadTransaction) => Promise<R>, options?: TransactionOptions): Promise<R>
  begin(options?: OwnedTransactionOptions): Promise<OwnedTransaction>
  /**
   * Runs statements as one transaction in one round trip, and answers each with undecoded rows. None can use what
   * another answered. Run again on 40001 and 40P01.
   *
   *     await db.batch([{ text: 'select audit($1)', values: ['read'] }, { text: 'select …', values: [] }], {
   *       isolation: 'repeatable read',
   *     })
   */
  batch(statements: readonly BatchStatement[], options?: BatchOptions): Promise<readonly BatchAnswer[]>
  /**
   * A transaction of its own, which commits although the one it is called in may be rolled back: an audit entry, the
   * record of a failure. Inside a transaction it takes a second connection: one of the pool that is free, else the one
   * spare connection beyond `pool.max`, in turn with other callers; so it never waits for its own caller's connection.
   * It does not see what that one wrote, waits for what it locked until `lockTimeoutMs`, and is not run again by
   * itself.
   */
  independent<R>(work: (tx: Transaction) => Promise<R>, options?: TransactionOptions): Promise<R>
  session(options?: SessionOptions): Promise<Session>
  /**
   * A pool for libraries that want pg's own (Drizzle, Kysely, TypeORM, Prisma, Knex, pg-boss and others): it is
   * `instanceof pg.Pool` and runs on the connections of this database. Its transactions cannot lie either: see
   * docs/guides/bring-your-orm.md. Each call gives another one; `end()` ends that one alone.
   */
  pgPool(): PgPool
  /**
   * How the server, the pool and the transactions are. Never rejects, and answers within about 2 s: on a connection of
   * its own, so also while the pool is full or the server is away.
   */
  health(): Promise<Health>
  /** Refuses new work, lets running work finish until the deadline, then cancels it. Default 10,000. Idempotent. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>
}

export interface PoolOptions {
  /** Connections of this process, shared lanes included. Default 10. */
  readonly max?: number
  /** Pipelined connections for single statements. Default 2, or 0 when `max` is 1. */
  readonly sharedLanes?: number
  /** How long a caller waits for a connection. Default 5,000. */
  readonly acquireTimeoutMs?: number
  /** Callers that may wait; the next is refused with PoolOverloaded. Default 1,000. */
  readonly maxWaiting?: number
  /** Default 60,000. */
  readonly idleTimeoutMs?: number
  /** Connections that `db.connect()` opens and that are kept although idle, at most `max`. Default 2. */
  readonly warm?: number
  /** A connection is replaced at this age, less up to 10 % at random, once it is idle. Default 1,800,000. */
  readonly lifetimeMs?: number
  /**
   * Who holds a connection for longer and runs nothing on it is reported by the observation `leak`, with the stack of
   * where it was taken; a session that listens is not. Default 60,000.
   */
  readonly leakAfterMs?: number
  /**
   * A lone statement asks first whether its connection lives when that was idle for longer; so does the first statement
   * of a client of `pgPool()`. Routers and firewalls forget a silent connection after minutes. Default 30,000.
   */
  readonly pingAfterMs?: number
}

export type MisuseMode = 'error' | 'observe'

/**
 * Failures for your own tests, each with its share of the transactions, from 0 to 1. They are real in all but their
 * moment, chosen by `seed`: the same seed and the same calls in the same order give the same failures. Transactions of
 * `transaction` and `begin` that wrote something meet them at their end; a connection timeout is met before it.
 */
export interface FaultOptions {
  /** Default 1. */
  readonly seed?: number
  /** CommitUnknown; half of these transactions are saved and half are not. Default 0. */
  readonly commitUnknown?: number
  /** 40001 from the server, so it is rolled back and run again, and the callback's effects outside are met twice. */
  readonly serializationFailure?: number
  /** 40P01, likewise. */
  readonly deadlock?: number
  /** The connection is cut before COMMIT: rolled back and run again. */
  readonly connectionLost?: number
  /** PoolTimeout, without the wait: for transactions and for `pgPool()`. */
  readonly poolTimeout?: number
  /** Lets it act on a server that is not on this machine; without it such a url is refused with InvalidOption. */
  readonly onAnyHost?: boolean
}

export interface DatabaseOptions {
  /**
   * postgres://user:password@host:port/database. With several servers, `host1:5432,host2:5432`, connections go to the
   * one that is no standby, and find the new primary after a failover.
   */
  readonly url: string
  /**
   * Standbys that may serve `db.read`, one url each. Each has a pool of its own, with the settings of `pool` but for
   * shared lanes. One that is away, promoted or behind what this handle wrote is passed over: the primary serves then.
   * Default: none.
   */
  readonly replicas?: readonly string[]
  /** application_name in pg_stat_activity. Default `plinth`. */
  readonly service?: string
  readonly pool?: PoolOptions
  /**
   * A pooler in transaction mode, such as PgBouncer, stands between: nothing is left behind on a connection, and
   * `session()` is refused. Needed for every pooler, for nobody can see its mode from outside. Default: none.
   */
  readonly pooler?: 'transaction'
  /**
   * Statements that each connection keeps prepared under a name, at most. Behind PgBouncer 1.21 or later use what its
   * `max_prepared_statements` says. Default 256, and 0 behind a pooler: older ones mix the names of their clients up.
   */
  readonly preparedStatements?: number
  /** Default 5,000. */
  readonly connectTimeoutMs?: number
  /**
   * While the server is away connecting is tried again without end, one attempt at a time. With `attempts`, those who
   * wait are refused after so many in a row, and the next caller begins anew. Default: no limit.
   */
  readonly reconnect?: { readonly attempts?: number }
  /** Default 30,000. */
  readonly statementTimeoutMs?: number
  /** Inside transactions. Default 5,000. */
  readonly lockTimeoutMs?: number
  /** Default 10,000. */
  readonly idleInTransactionTimeoutMs?: number
  /**
   * What a use of this handle inside one of its transactions is: `error` refuses it with RootHandleInTransaction,
   * `observe` lets it pass, on another connection. Both publish the observation `misuse`. An HTTP request inside a
   * transaction is observed by both; `error` also prints a process warning, once for each name of a transaction.
   * Default `error`.
   */
  readonly misuse?: MisuseMode
  /** Only for tests: see `FaultOptions`. Default: none, at no cost. */
  readonly faults?: FaultOptions
}
