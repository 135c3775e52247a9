import type { Operation, Typed } from '../operation/operation.ts'
import type { Value } from '../operation/value.ts'
import type { Sql } from '../sql/sql.ts'
import type { Hook } from './hooks.ts'
import { origin } from './origin.ts'
import type {
  ObjectRow,
  OwnedTransaction,
  QueryResult,
  StatementOptions,
  ByteRow,
  StreamOptions,
  Transaction,
} from './queryable.ts'
import { onlyRow, onlyRowIfAny } from './statement.ts'

type SameInBoth = 'name' | 'attempt' | 'signal' | 'pg' | 'run' | 'lock' | 'savepoint' | 'afterCommit' | 'afterRollback'

interface Scope extends Pick<Transaction, SameInBoth> {
  readonly database: object
  query<R>(
    statement: string | Sql,
    values: readonly Value[] | undefined,
    options: StatementOptions,
  ): Promise<QueryResult<R>>
  queryRow<R, F>(
    statement: string | Sql,
    values: readonly Value[] | undefined,
    options: StatementOptions,
    find: (rows: readonly R[]) => F,
  ): Promise<F>
  stream<R>(statement: string | Sql, values: readonly Value[] | undefined, options: StreamOptions): AsyncIterable<R>
  streamBytes(
    statement: string | Sql,
    values: readonly Value[] | undefined,
    options: StreamOptions,
  ): AsyncIterable<readonly ByteRow[]>
}

/** What the callback of a transaction or savepoint is given. */
class TransactionHandle {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  get [origin](): object {
    return this.#scope.database
  }

  get name(): string {
    return this.#scope.name
  }

  get attempt(): number {
    return this.#scope.attempt
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  get pg(): Transaction['pg'] {
    return this.#scope.pg
  }

  query<R = ObjectRow>(
    statement: string | Sql,
    values?: readonly Value[],
    options: StatementOptions = {},
  ): Promise<QueryResult<R>> {
    return this.#scope.query<R>(statement, values, options)
  }

  one<R = ObjectRow>(statement: string | Sql, values?: readonly Value[], options: StatementOptions = {}): Promise<R> {
    return this.#scope.queryRow<R, R>(statement, values, options, onlyRow)
  }

  maybeOne<R = ObjectRow>(
    statement: string | Sql,
    values?: readonly Value[],
    options: StatementOptions = {},
  ): Promise<R | undefined> {
    return this.#scope.queryRow<R, R | undefined>(statement, values, options, onlyRowIfAny)
  }

  stream<R = ObjectRow>(
    statement: string | Sql,
    values?: readonly Value[],
    options: StreamOptions = {},
  ): AsyncIterable<R> {
    return this.#scope.stream<R>(statement, values, options)
  }

  streamBytes(
    statement: string | Sql,
    values?: readonly Value[],
    options: StreamOptions = {},
  ): AsyncIterable<readonly ByteRow[]> {
    return this.#scope.streamBytes(statement, values, options)
  }

  run<R>(operation: Typed<R>): Promise<R>
  run(operation: Operation): Promise<unknown> {
    return this.#scope.run(operation)
  }

  lock(key: string | bigint): Promise<void> {
    return this.#scope.lock(key)
  }

  savepoint<R>(work: (tx: Transaction) => Promise<R>): Promise<R> {
    return this.#scope.savepoint(work)
  }

  afterCommit(hook: Hook): void {
    this.#scope.afterCommit(hook)
  }

  afterRollback(hook: Hook): void {
    this.#scope.afterRollback(hook)
  }
}

interface Endings {
  readonly commit: () => Promise<void>
  readonly rollback: () => Promise<void>
  /** Rolls back what is still open. */
  readonly leave: () => Promise<void>
}

/** Of `db.begin()`, whose caller ends it. */
class OwnedHandle extends TransactionHandle {
  readonly #endings: Endings

  constructor(scope: Scope, endings: Endings) {
    super(scope)
    this.#endings = endings
  }

  commit(): Promise<void> {
    return this.#endings.commit()
  }

  rollback(): Promise<void> {
    return this.#endings.rollback()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#endings.leave()
  }
}

// The brands exist for the type checker alone, so that nothing but these two lines makes a transaction.
export const createHandle = (scope: Scope): Transaction => new TransactionHandle(scope) as unknown as Transaction

export const createOwnedHandle = (scope: Scope, endings: Endings): OwnedTransaction =>
  new OwnedHandle(scope, endings) as unknown as OwnedTransaction
