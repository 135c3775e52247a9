import type { PgQuery } from '../driver/peer.ts'
import { refuseCopyIn } from '../sql/copy-in.ts'
import { controlOf, isAlone, modeBeyond, namesMarkOfOurs } from './control.ts'
import { madeUp, plainQuery } from './execute.ts'
import { InnerTransaction } from './inner-transaction.ts'
import {
  aborted,
  type Failure,
  markOfOurs,
  modeNotOurs,
  nested,
  noCursor,
  notItsOwn,
  released,
  severalStatements,
} from './refusals.ts'
import { ClientSurface, type TypeOverrides } from './surface.ts'
import type { TransactionClient } from './type.ts'

/** The transaction of ours that the client is a view of. */
export interface TransactionView {
  readonly name: string
  /** As PostgreSQL writes it. */
  readonly isolation: string
  /** Counts what a client does by the gate of the transaction. `inner`: the client's own open one. */
  readonly track: (text: string, inner: InnerTransaction | undefined, work: Work) => Promise<unknown>
  /** Runs a query in its turn: while an inner transaction is open, what is not its own waits. */
  readonly run: (query: PgQuery, inner: InnerTransaction | undefined) => Promise<unknown>
  /** Resolves when the inner transaction is the only one, for which everything else now waits. */
  readonly open: (inner: InnerTransaction) => Promise<void>
  readonly close: (inner: InnerTransaction) => void
  /** True when PostgreSQL refuses everything but a rollback. */
  readonly hasFailed: () => boolean
}

type Work = () => Promise<unknown>

const mark = 'plinth_pg'

export function createTransactionClient(view: TransactionView): TransactionClient {
  // What pg's types promise beyond this class is about connecting, which a transaction's client has behind it.
  return new PoolOfTransaction(view) as unknown as TransactionClient
}

/**
 * A pg client for a library that is to work inside our transaction. The transaction it begins is its own: statements of
 * other clients, and ours, wait until it ended.
 *
 * | the library sends | PostgreSQL gets |
 * |---|---|
 * | BEGIN | SAVEPOINT, when no other inner transaction is open |
 * | BEGIN with a level, or READ ONLY, that ours has not | nothing: SessionStatement |
 * | BEGIN after its own BEGIN | nothing: NestedTransaction, as the first COMMIT would end both |
 * | COMMIT of its own BEGIN | RELEASE SAVEPOINT; after a failure ROLLBACK TO, and TransactionAborted for the library |
 * | ROLLBACK of its own BEGIN, or its release | ROLLBACK TO SAVEPOINT |
 * | several statements in one text | nothing, or PostgreSQL's own refusal (42601) |
 * | COMMIT or ROLLBACK without a BEGIN, PREPARE TRANSACTION | nothing: SessionStatement, for the end is its owner's |
 * | a savepoint with a name of ours | nothing: SessionStatement |
 */
class ClientOfTransaction extends ClientSurface {
  readonly #view: TransactionView
  #tail: Promise<unknown> = Promise.resolve()
  #inner: InnerTransaction | undefined
  /** The one whose BEGIN is on its way. */
  #next: InnerTransaction | undefined
  #isReleased = false
  #statements = 0
  #firstFailure: Failure | undefined

  constructor(view: TransactionView, typeOverrides?: TypeOverrides) {
    super(typeOverrides)
    this.#view = view
  }

  async connect(callback?: OnConnect): Promise<ClientOfTransaction> {
    callback?.(undefined, this, this.release)
    return this
  }

  /** A transaction that is still open is rolled back, as everything else would wait for it. */
  release = (): void => {
    if (this.#isReleased) return
    this.#isReleased = true
    if (!this.#inner && !this.#next) return
    this.#leave()
    const undo = this.#view.track('rollback', this.#inner, () =>
      this.#queue(async () => (this.#inner ? this.#rollback(this.#inner) : undefined)),
    )
    undo.catch(() => undefined)
  }

  async end(): Promise<void> {
    await this.#tail
  }

  protected send(query: PgQuery): Promise<unknown> {
    if (this.#isReleased) return Promise.reject(released())
    // The simple protocol would take `…; commit` as one text, and end a transaction that is not the library's.
    query.queryMode = 'extended'
    const text = query.text ?? ''
    const control = controlOf(text)
    if (control !== 'begin') {
      const work = this.#track(text, () => this.#run(query, text))
      if (control !== 'none') this.#leave()
      return work
    }
    const inner = new InnerTransaction()
    this.#next = inner
    const work = this.#track(text, () => this.#begin(text, inner))
    inner.enter()
    return work
  }

  protected pass(): never {
    throw noCursor(this.#view.name)
  }

  #track(text: string, work: Work): Promise<unknown> {
    return this.#view.track(text, this.#inner, () => this.#queue(work))
  }

  #queue(work: Work): Promise<unknown> {
    const queued = this.#tail.then(work)
    this.#tail = queued.catch(() => undefined)
    return queued
  }

  async #run(query: PgQuery, text: string): Promise<unknown> {
    const control = controlOf(text)
    if (control === 'none') return await this.#statement(query, text)
    if (!isAlone(text)) throw severalStatements(control, this.#view.name)
    const inner = this.#inner
    if (!inner || control === 'prepare') throw notItsOwn(control, this.#view.name)
    return await (control === 'commit' ? this.#commit(inner) : this.#rollback(inner))
  }

  async #statement(query: PgQuery, text: string): Promise<unknown> {
    if (namesMarkOfOurs(text)) throw markOfOurs(this.#view.name)
    refuseCopyIn(text)
    const inner = this.#inner
    if (!inner) return await this.#view.run(query, undefined)
    const statement = ++this.#statements
    try {
      const result = await this.#view.run(query, inner)
      // Whatever failed before was undone with its savepoint.
      this.#firstFailure = undefined
      return result
    } catch (error) {
      this.#firstFailure ??= { error, statement }
      throw error
    }
  }

  async #begin(text: string, inner: InnerTransaction): Promise<object> {
    const { name, isolation } = this.#view
    try {
      if (!isAlone(text)) throw severalStatements('begin', name)
      if (this.#inner) throw nested(`${name}, in its client`)
      const asked = modeBeyond(text, isolation)
      if (asked) throw modeNotOurs(asked, name)
      await this.#view.open(inner)
      await this.#view.run(plainQuery(`savepoint ${mark}`), inner)
    } catch (error) {
      this.#view.close(inner)
      throw error
    } finally {
      if (this.#next === inner) this.#next = undefined
    }
    this.#inner = inner
    this.#statements = 0
    this.#firstFailure = undefined
    return madeUp('BEGIN')
  }

  async #commit(inner: InnerTransaction): Promise<object> {
    if (this.#view.hasFailed()) {
      const first = this.#firstFailure
      await this.#rollback(inner)
      throw aborted(`${this.#view.name}, in its client`, first)
    }
    await this.#view.run(plainQuery(`release savepoint ${mark}`), inner)
    this.#close(inner)
    return madeUp('COMMIT')
  }

  /** One that fails leaves our transaction failed, and nothing need wait any more. */
  async #rollback(inner: InnerTransaction): Promise<object> {
    try {
      await this.#view.run(plainQuery(`rollback to savepoint ${mark}`), inner)
      await this.#view.run(plainQuery(`release savepoint ${mark}`), inner)
    } finally {
      this.#close(inner)
    }
    return madeUp('ROLLBACK')
  }

  #leave(): void {
    this.#inner?.leave()
    this.#next?.leave()
  }

  #close(inner: InnerTransaction): void {
    this.#inner = undefined
    this.#view.close(inner)
  }
}

type OnConnect = (error: undefined, client: ClientOfTransaction, release: () => void) => void

/**
 * `tx.pg`: a client, and a pool whose clients all work inside the transaction. Each `connect()` gives a client with
 * transactions of its own. Drizzle calls it where the name of the class has "Pool" in it; elsewhere it sends BEGIN on
 * what it was given, and two of its transactions at once would share one client.
 */
class PoolOfTransaction extends ClientOfTransaction {
  readonly options: { readonly max: number } = { max: 1 }
  readonly #view: TransactionView

  constructor(view: TransactionView) {
    super(view)
    this.#view = view
  }

  override async connect(callback?: OnConnect): Promise<ClientOfTransaction> {
    const client = new ClientOfTransaction(this.#view, this.typeOverrides)
    callback?.(undefined, client, client.release)
    return client
  }

  override release = (): void => undefined
}
