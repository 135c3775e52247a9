import { EventEmitter } from 'node:events'
import { loadPg, type PgQuery } from '../driver/peer.ts'
import { deliver, isCallback, isSubmittable } from './client.ts'
import { controlOf } from './control.ts'
import { madeUp, plainQuery } from './execute.ts'
import { aborted, noCursor, notAQuery, notItsOwn, severalStatements } from './refusals.ts'
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
 * | COMMIT or ROLLBACK without a BEGIN | nothing: SessionStatement, because the end is its owner's |
 */
class ClientOfTransaction extends EventEmitter {
  readonly options: { readonly max: number } = { max: 1 }
  readonly #view: TransactionView
  readonly #types = new (loadPg().TypeOverrides)()
  #tail: Promise<unknown> = Promise.resolve()
  #depth = 0

  constructor(view: TransactionView) {
    super()
    this.#view = view
  }

  query(config: unknown, values?: unknown, callback?: unknown): unknown {
    if (config === null || config === undefined) throw notAQuery(config)
    if (isSubmittable(config)) throw noCursor(this.#view.name)
    const query = new (loadPg().Query)(config, Array.isArray(values) ? values : undefined)
    query._result._types ??= this.#types
    // The simple protocol would take `…; commit` as one text, and end a transaction that is not the library's.
    query.queryMode = 'extended'
    const done = [callback, values, query.callback].find(isCallback)
    const work = this.#tail.then(() => this.#run(query))
    this.#tail = work.catch(() => undefined)
    return done ? deliver(work, done) : work
  }

  async connect(callback?: (error: undefined, client: this, release: () => void) => void): Promise<this> {
    callback?.(undefined, this, this.release)
    return this
  }

  release = (): void => undefined

  async end(): Promise<void> {
    await this.#tail
  }

  setTypeParser(...args: unknown[]): void {
    this.#types.setTypeParser(...args)
  }

  getTypeParser(...args: unknown[]): unknown {
    return this.#types.getTypeParser(...args)
  }

  escapeIdentifier(text: string): string {
    return loadPg().escapeIdentifier(text)
  }

  escapeLiteral(text: string): string {
    return loadPg().escapeLiteral(text)
  }

  #run(query: PgQuery): Promise<unknown> {
    const control = controlOf(query.text ?? '')
    if (control === 'none') return this.#view.run(query)
    if (isFollowed(query.text)) return Promise.reject(severalStatements(control, this.#view.name))
    if (control === 'begin') return this.#begin()
    if (this.#depth === 0) return Promise.reject(notItsOwn(control, this.#view.name))
    return control === 'commit' ? this.#commit() : this.#rollback()
  }

  async #begin(): Promise<object> {
    await this.#view.run(plainQuery(`savepoint ${this.#mark(this.#depth + 1)}`))
    this.#depth++
    return madeUp('BEGIN')
  }

  async #commit(): Promise<object> {
    if (this.#view.hasFailed()) {
      await this.#rollback()
      throw aborted(`${this.#view.name}, in its client`, undefined)
    }
    await this.#view.run(plainQuery(`release savepoint ${this.#mark(this.#depth)}`))
    this.#depth--
    return madeUp('COMMIT')
  }

  async #rollback(): Promise<object> {
    const mark = this.#mark(this.#depth)
    await this.#view.run(plainQuery(`rollback to savepoint ${mark}`))
    await this.#view.run(plainQuery(`release savepoint ${mark}`))
    this.#depth--
    return madeUp('ROLLBACK')
  }

  #mark(depth: number): string {
    return `plinth_pg_${depth}`
  }
}

/** BEGIN and its like hold no semicolon but their last. */
function isFollowed(text: string): boolean {
  return /;\s*\S/.test(text.replace(/^[\s;]+/, ''))
}
