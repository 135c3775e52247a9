import type { Statement, StepAnswer } from '../driver/exchange.ts'
import type { PgQuery } from '../driver/peer.ts'
import { toPlinthError } from '../driver/sqlstate.ts'
import { PlinthError } from '../errors.ts'
import { runOperation } from '../operation/answer.ts'
import type { Operation, Typed } from '../operation/operation.ts'
import type { Value } from '../operation/value.ts'
import { InnerTransaction } from '../pg-pool/inner-transaction.ts'
import { createTransactionClient } from '../pg-pool/transaction-client.ts'
import { compile } from '../sql/compile.ts'
import { isSql, type Sql } from '../sql/sql.ts'
import { type CallSite, captureCallSite } from '../driver/call-site.ts'
import { enclosingScope, type RunningScope, runInScope } from './context.ts'
import { untilDeadline } from './deadline.ts'
import { type Hook, runHooks } from './hooks.ts'
import {
  abortedTransaction,
  closedTransaction,
  type FirstFailure,
  floatingInnerTransaction,
  floatingStatement,
  type Named,
  savepointOpen,
} from './misuse-errors.ts'
import type { ByteRow, QueryResult, StatementOptions, StreamOptions, Transaction } from './queryable.ts'
import { refuseTransactionControl, settingsStatement, toQueryResult, toStatement } from './statement.ts'
import { type PortalHolder, readPortal, readPortalBytes } from './portal.ts'
import { createHandle } from './transaction-handle.ts'
import type { TransactionLine } from './transaction-line.ts'

/** Work in flight. */
interface Tracked {
  /** The text of a statement, or what an operation does to which table. */
  readonly what: string
  work: Promise<unknown> | undefined
}

export type Ending = 'committed' | 'rolled back' | 'unknown'

/**
 * A transaction or a savepoint in it, and the gate at its end.
 *
 * | state | statements | next |
 * |---|---|---|
 * | open | run | ending, when the callback settled |
 * | ending | refused: TransactionClosed | committed or rolled back, when what was in flight has settled |
 * | committed, rolled back, unknown | refused: TransactionClosed | |
 *
 * While a savepoint is open, or an inner transaction on `tx.pg`, statements on the scope around it wait: sent at once
 * they would be undone with it although their own promise had resolved.
 */
export class TransactionScope implements RunningScope {
  readonly database: object
  readonly name: string
  readonly site: CallSite
  readonly isIndependent: boolean
  readonly holder: object
  readonly parent: TransactionScope | undefined
  readonly #line: TransactionLine
  readonly #inFlight = new Set<Tracked>()
  readonly #commitHooks: Hook[] = []
  readonly #rollbackHooks: Hook[] = []
  /** Of savepoints that were rolled back. They wait for the end, for until then a connection is held. */
  readonly #undoneHooks: Hook[] = []
  #state: 'open' | 'ending' | Ending = 'open'
  #endedAt = 0
  #child: { readonly ended: Promise<void> } | undefined
  #savepoints = 0
  #statements = 0
  #firstFailure: FirstFailure | undefined
  #pg: Transaction['pg'] | undefined
  #handle: Transaction | undefined

  constructor(line: TransactionLine, database: object, named: Named, parent?: TransactionScope) {
    const { name, site, isIndependent = false } = named
    this.holder = named
    this.#line = line
    this.database = database
    this.name = name
    this.site = site
    this.isIndependent = isIndependent
    this.parent = parent
  }

  get handle(): Transaction {
    this.#handle ??= createHandle(this)
    return this.#handle
  }

  get attempt(): number {
    return this.#line.attempt
  }

  get signal(): AbortSignal {
    return this.#line.deadline.signal
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get firstFailure(): unknown {
    return this.#firstFailure?.error
  }

  /**
   * The gate: settles what is in flight, refuses what cannot be kept, and leaves the line ready for COMMIT or RELEASE.
   */
  async closeGate(): Promise<void> {
    this.#state = 'ending'
    const floating = [...this.#inFlight].map(({ what }) => what)
    const inner = this.#child
    if (inner || floating.length > 0) await this.#settled()
    if (floating.length > 0) throw floatingStatement(this, floating)
    if (this.#line.status === 'E') throw this.#aborted()
    if (inner) throw floatingInnerTransaction(this)
  }

  /** After the callback threw: nothing new may start, and what is in flight settles before the rollback. */
  async settle(): Promise<void> {
    if (this.#state === 'open') this.#state = 'ending'
    await this.#settled()
  }

  /** What waits for an inner transaction would wait for ever: its client cannot end it any more. */
  async #settled(): Promise<void> {
    if (this.#child instanceof InnerTransaction) this.#closeInner(this.#child)
    const works = [...this.#inFlight].map(({ work }) => work)
    await Promise.allSettled(works.filter((work) => work !== undefined))
  }

  /** The first ending stands: where COMMIT's outcome is unknown, what follows cannot make it known. */
  end(ending: Ending): void {
    if (this.#state !== 'open' && this.#state !== 'ending') return
    this.#state = ending
    this.#endedAt = performance.now()
  }

  /**
   * Runs the hooks of this ending in order, after those of savepoints that were rolled back on the way. A hook that
   * fails or takes too long is an observation and stops none of the others. Of an unknown ending nobody may act.
   */
  runHooks(): Promise<void> | undefined {
    if (this.#commitHooks.length + this.#rollbackHooks.length + this.#undoneHooks.length === 0) return undefined
    const own = { committed: this.#commitHooks, 'rolled back': this.#rollbackHooks }
    const state = this.#state
    const hooks = state === 'committed' || state === 'rolled back' ? own[state] : []
    return runHooks([...this.#undoneHooks, ...hooks], this.#line.identity, this.name)
  }

  afterCommit(hook: Hook): void {
    this.#addHook(this.#commitHooks, hook)
  }

  afterRollback(hook: Hook): void {
    this.#addHook(this.#rollbackHooks, hook)
  }

  /** A hook given after the end would never run. */
  #addHook(hooks: Hook[], hook: Hook): void {
    if (this.#state !== 'open') throw this.#closed()
    hooks.push(hook)
  }

  query<R>(
    statement: string | Sql,
    values: readonly Value[] | undefined,
    options: StatementOptions,
  ): Promise<QueryResult<R>> {
    return this.#track(textOf(statement), async () => {
      return toQueryResult<R>(await this.#answer(statement, values, options), options)
    })
  }

  /** `find` makes the result of all rows, and may throw: see `onlyRow`. */
  queryRow<R, F>(
    statement: string | Sql,
    values: readonly Value[] | undefined,
    options: StatementOptions,
    find: (rows: readonly R[], outcome: 'not applied') => F,
  ): Promise<F> {
    return this.#track(textOf(statement), async () => {
      const answer = await this.#answer(statement, values, options)
      return find(toQueryResult<R>(answer, options).rows, 'not applied')
    })
  }

  #answer(
    statement: string | Sql,
    values: readonly Value[] | undefined,
    options: StatementOptions,
  ): Promise<StepAnswer> {
    const sent = toStatement(statement, values)
    refuseTransactionControl(sent.text)
    return this.#execute(sent, options)
  }

  stream<R>(text: string | Sql, values: readonly Value[] | undefined, options: StreamOptions): AsyncIterable<R> {
    return readPortal<R>(this.#portalStatement(text, values), options, this.#portalHolder())
  }

  streamBytes(
    text: string | Sql,
    values: readonly Value[] | undefined,
    options: StreamOptions,
  ): AsyncIterable<readonly ByteRow[]> {
    return readPortalBytes(this.#portalStatement(text, values), options, this.#portalHolder())
  }

  #portalStatement(text: string | Sql, values: readonly Value[] | undefined): Statement {
    const statement = toStatement(text, values)
    refuseTransactionControl(statement.text)
    return statement
  }

  #portalHolder(): PortalHolder {
    return {
      portalName: this.#line.portalName,
      run: (part, settings) => this.#track(part.text, () => this.#execute(part, settings)),
      closePortal: (name) => {
        if (this.isOpen) this.#line.closePortal(name)
      },
    }
  }

  /** A text is hashed by the server: what is the same key there is the same in every language. */
  lock(key: string | bigint): Promise<void> {
    const call = typeof key === 'bigint' ? '$1::bigint' : 'hashtextextended($1::text, 0)'
    const text = `select pg_advisory_xact_lock(${call})`
    return this.#track(text, async () => void (await this.#answer(text, [key], {})))
  }

  run<R>(operation: Typed<R>): Promise<R>
  run(operation: Operation): Promise<unknown> {
    return this.#track(`${operation.kind} ${operation.target.name}`, () =>
      runOperation(operation, (one) => this.#execute(compile(one), {})),
    )
  }

  savepoint<R>(work: (tx: Transaction) => Promise<R>): Promise<R> {
    return this.#track('savepoint', async () => {
      while (this.#child) await this.#child.ended
      const ended = Promise.withResolvers<void>()
      this.#child = { ended: ended.promise }
      try {
        return await this.#runSavepoint(work)
      } finally {
        this.#child = undefined
        ended.resolve()
      }
    })
  }

  async #runSavepoint<R>(work: (tx: Transaction) => Promise<R>): Promise<R> {
    const name = `${this.name}, savepoint ${++this.#savepoints}`
    const child = new TransactionScope(this.#line, this.database, { name, site: this.site }, this)
    const mark = this.#line.savepoint()
    try {
      const result = await untilDeadline(
        runInScope(child, () => work(child.handle)),
        this.#line.deadline,
      )
      await child.closeGate()
      this.#line.release(mark)
      child.end('committed')
      this.#undoneHooks.push(...child.#undoneHooks)
      this.#commitHooks.push(...child.#commitHooks)
      this.#rollbackHooks.push(...child.#rollbackHooks)
      return result
    } catch (error) {
      await child.settle()
      await this.#line.rollbackTo(mark)
      child.end('rolled back')
      this.#undoneHooks.push(...child.#undoneHooks, ...child.#rollbackHooks)
      throw error
    }
  }

  async #execute(statement: Statement, options: StatementOptions): Promise<StepAnswer> {
    while (this.#child) await this.#child.ended
    const { settings } = options
    const set = settings && settingsStatement({ settings })
    const number = ++this.#statements
    try {
      return await this.#line.run(statement, set, options)
    } catch (error) {
      this.#firstFailure ??= { error, statement: number, site: captureCallSite() }
      throw this.#explained(error)
    }
  }

  get pg(): Transaction['pg'] {
    this.#pg ??= createTransactionClient({
      name: this.name,
      isolation: this.#line.isolation,
      track: (text, inner, work) => this.#track(text, work, inner),
      run: (query, inner) => this.#executeQuery(query, inner),
      open: (inner) => this.#openInner(inner),
      close: (inner) => this.#closeInner(inner),
      hasFailed: () => this.#line.status === 'E',
    })
    return this.#pg
  }

  async #openInner(inner: InnerTransaction): Promise<void> {
    while (this.#child) await this.#child.ended
    if (this.#state !== 'open') throw this.#closed()
    this.#child = inner
  }

  #closeInner(inner: InnerTransaction): void {
    if (this.#child === inner) this.#child = undefined
    inner.end()
  }

  /** Errors stay pg's own: the library that sent the query reads them. */
  async #executeQuery(query: PgQuery, inner: InnerTransaction | undefined): Promise<unknown> {
    while (this.#child && this.#child !== inner) await this.#child.ended
    const statement = ++this.#statements
    try {
      return await this.#line.runQuery(query)
    } catch (error) {
      const context = { phase: 'statement', transaction: this.name, outcomeWhenLost: 'not applied' } as const
      const failure = toPlinthError({ error, answered: true }, context)
      this.#firstFailure ??= { error: failure, statement, site: captureCallSite() }
      throw error
    }
  }

  /** PostgreSQL answers 25P02 to everything after the first failure; the first failure is what the caller must see. */
  #explained(error: unknown): unknown {
    const isEcho = error instanceof PlinthError && error.sqlstate === '25P02'
    return isEcho && this.#firstFailure && this.#firstFailure.error !== error ? this.#aborted() : error
  }

  /**
   * Starts work and counts it until it settles. Where the transaction now fails as a whole, a rejection counts as
   * handled: a caller who drops the promise learns of it by that. Any other is Node's to report.
   *
   * No reaction is put on the promise before it rejects. V8 follows a promise with one reaction to the code that awaits
   * it, so an error made while we settle has the caller's frames, and a statement that succeeds pays for no stack:
   * one captured for each statement took a fifth of a transaction's CPU (2026-11, 64 callers).
   */
  #track<R>(what: string, start: () => Promise<R>, inner?: InnerTransaction): Promise<R> {
    const refusal = this.#refusal(inner)
    if (refusal) return Promise.reject<R>(refusal)
    const tracked: Tracked = { what, work: undefined }
    this.#inFlight.add(tracked)
    const work = this.#settling(start, tracked)
    tracked.work = work
    return work
  }

  async #settling<R>(start: () => Promise<R>, tracked: Tracked): Promise<R> {
    try {
      return await start()
    } catch (error) {
      if (this.#line.mustFail) queueMicrotask(() => void tracked.work?.catch(ignore))
      throw error
    } finally {
      this.#inFlight.delete(tracked)
    }
  }

  #refusal(inner: InnerTransaction | undefined): PlinthError | undefined {
    if (this.#state !== 'open') return this.#closed()
    const child = this.#child
    if (!child || child === inner) return undefined
    if (child instanceof InnerTransaction)
      return child.isAround ? savepointOpen(this.name, 'transaction on tx.pg') : undefined
    return this.#isInsideOwnSavepoint() ? savepointOpen(this.name, 'savepoint') : undefined
  }

  #isInsideOwnSavepoint(): boolean {
    for (let scope = enclosingScope(this.database); scope; scope = scope.parent) if (scope.parent === this) return true
    return false
  }

  #closed(): PlinthError {
    const ago = Math.round(performance.now() - this.#endedAt)
    const how = this.#state === 'ending' ? 'is just ending' : `${endings[this.#state]} ${ago} ms ago`
    return closedTransaction(this.name, how, captureCallSite())
  }

  #aborted(): PlinthError {
    return abortedTransaction(this.name, this.#firstFailure)
  }
}

const endings: Readonly<Record<'open' | Ending, string>> = {
  open: 'was open',
  committed: 'committed',
  'rolled back': 'was rolled back',
  unknown: 'ended, nobody knows how,',
}

const ignore = (): void => undefined

function textOf(statement: string | Sql): string {
  return isSql(statement) ? statement.text : statement
}
