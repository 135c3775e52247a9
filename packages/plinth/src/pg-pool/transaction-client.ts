import type { PgQuery } from '../driver/peer.ts'
import { controlOf, isAlone } from './control.ts'
import { madeUp, plainQuery } from './execute.ts'
import { aborted, type Failure, noCursor, notItsOwn, severalStatements } from './refusals.ts'
import { ClientSurface } from './surface.ts'
import type { TransactionClient } from './type.ts'

/** The transaction of ours that the client is a view of. */
export interface TransactionView {
  readonly name: string
  /** Runs a query inside it, counted by its gate. */
  readonly run: (query: PgQuery) => Promise<unknown>
  /** True when PostgreSQL refuses everything but a rollback. */
  readonly hasFailed: () => boolean
}

export function createTransactionClient(view: TransactionView): TransactionClient {
  // What pg's types promise beyond this class is about connecting, which a transaction's client has behind it.
  return new ClientOfTransaction(view) as unknown as TransactionClient
}

/**
 * `tx.pg`: a pg client for libraries that are to work inside our transaction. It is its own pool of one: `connect()`
 * gives the client itself, and `release()` and `end()` do nothing.
 *
 * | the library sends | PostgreSQL gets |
 * |---|---|
 * | BEGIN | SAVEPOINT |
 * | COMMIT of its own BEGIN | RELEASE SAVEPOINT; after a failure ROLLBACK TO, and TransactionAborted for the library |
 * | ROLLBACK of its own BEGIN | ROLLBACK TO SAVEPOINT |
 * | several statements in one text | nothing, or PostgreSQL's own refusal (42601) |
 * | COMMIT or ROLLBACK without a BEGIN, PREPARE TRANSACTION | nothing: SessionStatement, because the end is its owner's |
 */
class ClientOfTransaction extends ClientSurface {
  readonly options: { readonly max: number } = { max: 1 }
  readonly #view: TransactionView
  #tail: Promise<unknown> = Promise.resolve()
  /** The library's own transactions that are open, the outermost first; each is a savepoint of ours. */
  readonly #open: { statements: number; firstFailure: Failure | undefined }[] = []

  constructor(view: TransactionView) {
    super()
    this.#view = view
  }

  async connect(callback?: (error: undefined, client: this, release: () => void) => void): Promise<this> {
    callback?.(undefined, this, this.release)
    return this
  }

  release = (): void => undefined

  async end(): Promise<void> {
    await this.#tail
  }

  protected send(query: PgQuery): Promise<unknown> {
    // The simple protocol would take `…; commit` as one text, and end a transaction that is not the library's.
    query.queryMode = 'extended'
    const work = this.#tail.then(() => this.#run(query))
    this.#tail = work.catch(() => undefined)
    return work
  }

  protected pass(): never {
    throw noCursor(this.#view.name)
  }

  #run(query: PgQuery): Promise<unknown> {
    const control = controlOf(query.text ?? '')
    if (control === 'none') return this.#statement(query)
    if (!isAlone(query.text)) return Promise.reject(severalStatements(control, this.#view.name))
    if (control === 'begin') return this.#begin()
    if (control === 'prepare' || this.#open.length === 0) return Promise.reject(notItsOwn(control, this.#view.name))
    return control === 'commit' ? this.#commit() : this.#rollback()
  }

  async #statement(query: PgQuery): Promise<unknown> {
    const innermost = this.#open.at(-1)
    if (!innermost) return await this.#view.run(query)
    const statement = ++innermost.statements
    try {
      const result = await this.#view.run(query)
      // Whatever failed before was undone with its savepoint.
      innermost.firstFailure = undefined
      return result
    } catch (error) {
      innermost.firstFailure ??= { error, statement }
      throw error
    }
  }

  async #begin(): Promise<object> {
    await this.#view.run(plainQuery(`savepoint ${this.#mark(this.#open.length + 1)}`))
    this.#open.push({ statements: 0, firstFailure: undefined })
    return madeUp('BEGIN')
  }

  async #commit(): Promise<object> {
    if (this.#view.hasFailed()) {
      const first = this.#open.at(-1)?.firstFailure
      await this.#rollback()
      throw aborted(`${this.#view.name}, in its client`, first)
    }
    await this.#view.run(plainQuery(`release savepoint ${this.#mark(this.#open.length)}`))
    this.#open.pop()
    return madeUp('COMMIT')
  }

  async #rollback(): Promise<object> {
    const mark = this.#mark(this.#open.length)
    await this.#view.run(plainQuery(`rollback to savepoint ${mark}`))
    await this.#view.run(plainQuery(`release savepoint ${mark}`))
    this.#open.pop()
    return madeUp('ROLLBACK')
  }

  #mark(depth: number): string {
    return `plinth_pg_${depth}`
  }
}
