import { EventEmitter } from 'node:events'
import type { Connection } from '../driver/connection.ts'
import { loadPg, type PgQuery, type Submittable } from '../driver/peer.ts'
import { nextTransactionId, observe, type TransactionOutcome, type TransactionRef } from '../observe/observation.ts'
import { statementStart, watchOnlyAttempt, watchStatement } from '../observe/watch.ts'
import { outlivesTransaction } from '../sql/statement-words.ts'
import { type Control, controlOf } from './control.ts'
import { executeQuery, madeUp, plainQuery } from './execute.ts'
import type { PgPoolHome, TransactionRecord } from './home.ts'
import {
  aborted,
  ending,
  type Failure,
  givenBackBroken,
  lostBeforeCommit,
  nested,
  notAQuery,
  released,
  releasedTwice,
} from './refusals.ts'

type Callback = (error: unknown, result?: unknown) => void

/** How long a client that is given back may still be busy before its connection is cut. */
const cleanUpMs = 1000

interface OpenTransaction extends TransactionRecord {
  readonly ref: TransactionRef
  readonly observeEnd: (outcome: TransactionOutcome, error?: unknown) => void
  statements: number
  firstFailure: Failure | undefined
  isSerializable: boolean
}

/**
 * A checked-out client as pg's own pool hands it out, on an exclusive lane. Statements run one after the other, by pg's
 * own `Query`, so results and errors are pg's own. What it adds is the truth about transactions:
 *
 * | the client sends | and | the caller gets |
 * |---|---|---|
 * | COMMIT | a statement had failed | ROLLBACK is sent; TransactionAborted with the first failure |
 * | COMMIT | the answer is lost | what the server says of it: success, ConnectionLost or CommitUnknown |
 * | ROLLBACK | the connection is gone | success: nothing is left to undo, and the first error stays the one that counts |
 * | BEGIN | a transaction is open | NestedTransaction |
 * | anything | COMMIT or ROLLBACK is on its way, or the client was released | TransactionClosed |
 */
export class PgClient extends EventEmitter {
  readonly #home: PgPoolHome
  readonly #connection: Connection
  readonly #types = new (loadPg().TypeOverrides)()
  readonly #detach: readonly (() => void)[]
  readonly #whenReleased: () => void
  #tail: Promise<unknown> = Promise.resolve()
  #transaction: OpenTransaction | undefined
  #pending = 0
  #isEnding = false
  #isReleased = false
  /** Its statements make every connection the same, so they are no reason to reset it. */
  isPreparing = false

  constructor(home: PgPoolHome, connection: Connection, whenReleased: () => void) {
    super()
    this.#home = home
    this.#connection = connection
    this.#whenReleased = whenReleased
    this.#detach = [
      connection.onNotification((channel, payload) =>
        this.emit('notification', { channel, payload, processId: connection.processId }),
      ),
      connection.onNotice((notice) => this.emit('notice', notice)),
      connection.onLost((cause) => {
        // Unheard, an 'error' event would end the process; whoever runs a statement learns of it from that.
        if (this.listenerCount('error') > 0) this.emit('error', cause)
        this.emit('end')
      }),
    ]
  }

  get processID(): number {
    return this.#connection.processId
  }

  query(config: unknown, values?: unknown, callback?: unknown): unknown {
    if (config === null || config === undefined) throw notAQuery(config)
    if (isSubmittable(config)) return this.#pass(config)
    const query = new (loadPg().Query)(config, Array.isArray(values) ? values : undefined)
    query._result._types ??= this.#types
    const done = [callback, values, query.callback].find(isCallback)
    const work = this.#enqueue(query)
    return done ? deliver(work, done) : work
  }

  /** pg hands it out as a property that is often taken off the client. */
  release = (error?: unknown): void => {
    if (this.#isReleased) throw releasedTwice()
    this.#isReleased = true
    // Mostly there is nothing to clean, and the next caller must find the connection free.
    if (!error && this.#pending === 0 && !this.#transaction) this.#giveBack()
    else void this.#cleanUp(Boolean(error))
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

  /** One statement after the other: pg 9 will not queue them itself, and each may change what the next one means. */
  #enqueue(query: PgQuery): Promise<unknown> {
    const control = controlOf(query.text ?? '')
    const refusal = this.#refusal(control)
    if (refusal) return Promise.reject(refusal)
    if (control !== 'none') this.#isEnding = control !== 'begin'
    // Asked now and not when its turn comes: what listeners to `connect` send is the same for every connection.
    const isKept = !this.isPreparing && outlivesTransaction(query.text ?? '')
    this.#pending++
    const work = this.#tail.then(() => {
      if (isKept) this.#connection.needsReset = true
      return this.#run(query, control)
    })
    this.#tail = work.catch(() => undefined)
    return work
  }

  #refusal(control: Control): Error | undefined {
    if (this.#isReleased) return released()
    return this.#isEnding && control === 'none' ? ending() : undefined
  }

  async #run(query: PgQuery, control: Control): Promise<unknown> {
    try {
      if (control === 'begin' && this.#transaction) throw nested(this.#transaction.name)
      if (control === 'commit' && this.#transaction) return await this.#endByCommit(this.#transaction, query)
      if (control === 'rollback') return await this.#rollback(query)
      return await (control === 'none' ? this.#observed(query) : this.#statement(query))
    } finally {
      this.#pending--
      if (control !== 'none') this.#isEnding = false
      this.#followStatus(query.text ?? '', control === 'rollback' ? 'rolled back' : 'committed')
    }
  }

  /** A procedure or a text of several statements can begin and end transactions too; the server's word counts. */
  #followStatus(text: string, endedBy: TransactionOutcome): void {
    if (this.#connection.isLost) return
    if (this.#connection.status === 'I') this.#end(endedBy)
    else this.#transaction ??= this.#begun()
    if (this.#transaction && /\bserializable\b/i.test(text)) this.#transaction.isSerializable = true
  }

  #begun(): OpenTransaction {
    const record = this.#home.openTransaction()
    // The text with BEGIN may have held more; the capture behind the next statement tells.
    record.witness.noteMissed()
    const ref = { id: nextTransactionId(), name: record.name, attempt: 1 }
    const observeEnd = watchOnlyAttempt(this.#home.identity, ref, false)
    return { ...record, ref, observeEnd, statements: 0, firstFailure: undefined, isSerializable: false }
  }

  #end(outcome: TransactionOutcome, error?: unknown): void {
    const open = this.#transaction
    this.#transaction = undefined
    open?.observeEnd(outcome, error ?? (outcome === 'rolled back' ? open.firstFailure?.error : undefined))
  }

  #observed(query: PgQuery): Promise<unknown> {
    const from = statementStart()
    return watchStatement(this.#statement(query), from, this.#home.identity, query.text ?? '', this.#transaction?.ref)
  }

  /** Behind a statement of a transaction travels the question for its id, at no round trip of its own. */
  async #statement(query: PgQuery): Promise<unknown> {
    const { text } = query
    const transaction = this.#transaction
    const number = transaction ? ++transaction.statements : 0
    const running = executeQuery(this.#connection, query, this.#home.statementTimeoutMs)
    const capture = transaction?.witness.captureBehind(text ?? '')
    const captured = capture
      ? this.#connection.run([capture], this.#home.statementTimeoutMs).then(
          ([answer]) => transaction?.witness.note(answer),
          () => undefined,
        )
      : undefined
    try {
      return await running
    } catch (error) {
      if (transaction) transaction.firstFailure ??= { error, statement: number }
      throw error
    } finally {
      await captured
    }
  }

  async #endByCommit(transaction: OpenTransaction, query: PgQuery): Promise<unknown> {
    try {
      const result = await this.#commit(transaction, query)
      this.#end('committed')
      return result
    } catch (error) {
      this.#end('rolled back', error)
      throw error
    }
  }

  async #commit(transaction: OpenTransaction, query: PgQuery): Promise<unknown> {
    if (this.#connection.isLost) throw lostBeforeCommit(transaction.name, transaction.firstFailure?.error)
    if (this.#connection.status === 'E') {
      await executeQuery(this.#connection, plainQuery('rollback'), this.#home.statementTimeoutMs)
      throw aborted(transaction.name, transaction.firstFailure)
    }
    try {
      const result = await executeQuery(this.#connection, query, this.#home.statementTimeoutMs)
      if (commandOf(result) === 'ROLLBACK') throw aborted(transaction.name, transaction.firstFailure)
      return result
    } catch (error) {
      if (!this.#connection.isLost) throw error
      await transaction.settleLost(error, transaction.isSerializable)
      return madeUp('COMMIT')
    }
  }

  async #rollback(query: PgQuery): Promise<unknown> {
    try {
      return await this.#statement(query)
    } catch (error) {
      if (!this.#connection.isLost) throw error
      this.#end('rolled back')
      return madeUp('ROLLBACK')
    }
  }

  /** Cursors and streams read by themselves; the next statement waits until they are closed. */
  #pass<Query extends Submittable>(query: Query): Query {
    const refusal = this.#refusal('none')
    if (refusal) {
      process.nextTick(() => query.handleError(refusal, undefined))
      return query
    }
    this.#pending++
    const work = this.#tail.then(() => {
      this.#transaction?.witness.noteMissed()
      this.#noteFailure(query)
      return this.#connection.submit(query, this.#home.statementTimeoutMs)
    })
    this.#tail = work
      .then(
        () => this.#followStatus('', 'committed'),
        () => undefined,
      )
      .finally(() => this.#pending--)
    return query
  }

  /** A cursor that fails says so to its reader alone; COMMIT must be able to name it. */
  #noteFailure(query: Submittable): void {
    const transaction = this.#transaction
    if (!transaction) return
    const statement = ++transaction.statements
    const handleError = query.handleError.bind(query)
    query.handleError = (error, wire) => {
      transaction.firstFailure ??= { error, statement }
      handleError(error, wire)
    }
  }

  /** Nobody may inherit a transaction: one that was forgotten is rolled back, and told. */
  async #cleanUp(isBroken: boolean): Promise<void> {
    const connection = this.#connection
    if (isBroken) connection.destroy(givenBackBroken())
    await settledWithin(this.#tail, cleanUpMs)
    const open = this.#transaction
    if (open && !connection.isLost) {
      const { name, statements } = open
      observe({ kind: 'transaction.forgotten', database: this.#home.identity, transaction: name, statements })
      if (connection.inFlight === 0) await this.#rollback(plainQuery('rollback')).catch(() => undefined)
    }
    this.#giveBack()
  }

  #giveBack(): void {
    this.#end('rolled back')
    for (const stop of this.#detach) stop()
    this.#home.release(this.#connection)
    this.#whenReleased()
  }
}

export function isSubmittable(config: unknown): config is Submittable {
  return typeof config === 'object' && config !== null && 'submit' in config && typeof config.submit === 'function'
}

export function isCallback(value: unknown): value is Callback {
  return typeof value === 'function'
}

/** pg's older form: the callback hears of the result, and nothing is returned. */
export function deliver(work: Promise<unknown>, done: Callback): undefined {
  work.then(
    (result) => done(null, result),
    (error: unknown) => done(error),
  )
  return undefined
}

/** Of the first statement, where the text held several. */
function commandOf(result: unknown): unknown {
  const first: unknown = Array.isArray(result) ? result[0] : result
  return typeof first === 'object' && first !== null && 'command' in first ? first.command : undefined
}

async function settledWithin(work: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([work, promise])
  clearTimeout(timer)
}
