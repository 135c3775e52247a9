import type { Connection } from '../driver/connection.ts'
import type { Statement } from '../driver/exchange.ts'
import type { PgQuery, Submittable } from '../driver/peer.ts'
import { isPlinthError } from '../errors.ts'
import { nextTransactionId, observe, type TransactionOutcome, type TransactionRef } from '../observe/observation.ts'
import { statementStart, watchOnlyAttempt, watchStatement } from '../observe/watch.ts'
import { type Control, isAlone, isChained, mayEndUnheard } from './control.ts'
import { executeQuery, madeUp, plainQuery } from './execute.ts'
import type { PgPoolHome, TransactionRecord } from './home.ts'
import { limitAlone, settleIn } from './pooled.ts'
import { aborted, endUnknown, type Failure, lostBeforeCommit, nested } from './refusals.ts'

interface OpenTransaction extends TransactionRecord {
  readonly ref: TransactionRef
  readonly observeEnd: (outcome: TransactionOutcome, error?: unknown) => void
  statements: number
  firstFailure: Failure | undefined
  isSerializable: boolean
  isReadOnly: boolean
}

/** BEGIN is the ping: a live server answers it at once. */
const beginLimitMs = 2000

/**
 * The wire side of a checked-out client, one statement at a time: whether a transaction is open on the connection, and
 * what became of it. See the table at `PgClient`.
 */
export class ClientLine {
  readonly connection: Connection
  readonly #home: PgPoolHome
  #transaction: OpenTransaction | undefined

  constructor(home: PgPoolHome, connection: Connection) {
    this.#home = home
    this.connection = connection
  }

  get hasTransaction(): boolean {
    return this.#transaction !== undefined
  }

  async run(query: PgQuery, control: Control): Promise<unknown> {
    const open = this.#transaction
    if (control === 'begin' && open) throw nested(open.name)
    try {
      if (control === 'begin') return await this.#begin(query)
      if ((control === 'commit' || control === 'prepare') && open) return await this.#endByCommit(open, query)
      if (control === 'rollback') return await this.#rollback(query)
      return await (control === 'none' ? this.#observed(query) : this.#statement(query))
    } finally {
      this.#followStatus(query.text ?? '', control === 'rollback' ? 'rolled back' : 'committed', open)
    }
  }

  /** For cursors and streams: what they ask is theirs, its failure is the transaction's too. */
  async submit(query: Submittable): Promise<void> {
    this.#transaction?.witness.noteMissed()
    this.#noteFailure(query)
    await this.connection.submit(query, this.#home.statementTimeoutMs)
    this.#followStatus('', 'committed')
  }

  /** Nobody may inherit a transaction: one that was forgotten is rolled back, and told. */
  async rollBackForgotten(): Promise<void> {
    if (!this.#transaction || this.connection.isLost) return
    const { name, statements } = this.#transaction
    observe({ kind: 'transaction.forgotten', database: this.#home.identity, transaction: name, statements })
    if (this.connection.inFlight === 0) await this.#rollback(plainQuery('rollback')).catch(() => undefined)
  }

  end(outcome: TransactionOutcome, error?: unknown): void {
    const open = this.#transaction
    this.#transaction = undefined
    open?.observeEnd(outcome, error ?? (outcome === 'rolled back' ? open.firstFailure?.error : undefined))
  }

  /** A procedure or a text of several statements can begin and end transactions too; the server's word counts. */
  #followStatus(text: string, endedBy: TransactionOutcome, before?: OpenTransaction): void {
    const { isLost, status } = this.connection
    if (this.#transaction && !isAlone(text)) this.#transaction.isReadOnly = false
    if ((isLost || status === 'I') && !this.#transaction?.isReadOnly) this.#home.noteWrite(text)
    if (isLost) return
    if (status === 'I') this.end(endedBy)
    else this.#transaction ??= this.#begun(text, before)
    if (!this.#transaction) return
    // Whatever failed before was undone with its savepoint.
    if (status === 'T') this.#transaction.firstFailure = undefined
    if (/\bserializable\b/i.test(text)) this.#transaction.isSerializable = true
    if (/\bread\s+only\b/i.test(text)) this.#transaction.isReadOnly = true
  }

  /** AND CHAIN takes the modes of the transaction before. To hold one for serializable that is not tells no lie. */
  #begun(text: string, before: OpenTransaction | undefined): OpenTransaction {
    const record = this.#home.openTransaction()
    // The text with BEGIN may have held more; the capture behind the next statement tells.
    record.witness.noteMissed()
    const ref = { id: nextTransactionId(), name: record.name, attempt: 1 }
    const observeEnd = watchOnlyAttempt(this.#home.identity, ref, false)
    const isSerializable = before?.isSerializable ?? false
    const isReadOnly = before !== undefined && before.isReadOnly && isAlone(text)
    return { ...record, ref, observeEnd, statements: 0, firstFailure: undefined, isSerializable, isReadOnly }
  }

  /** Where more stands behind BEGIN in one text, the time it takes says nothing. */
  async #begin(query: PgQuery): Promise<unknown> {
    const withinMs = isAlone(query.text) ? (this.connection.pooler?.patienceMs ?? beginLimitMs) : undefined
    const begun = this.#send(query, withinMs)
    const settled = settleIn(this.connection, this.#home.statementTimeoutMs)
    try {
      return await begun
    } finally {
      await settled
    }
  }

  #observed(query: PgQuery): Promise<unknown> {
    const from = statementStart()
    return watchStatement(this.#statement(query), from, this.#home.identity, query.text ?? '', this.#transaction?.ref)
  }

  /** Behind a statement of a transaction travels the question for its id, at no round trip of its own. */
  async #statement(query: PgQuery): Promise<unknown> {
    const transaction = this.#transaction
    if (!transaction) return await this.#execute(query)
    const statement = ++transaction.statements
    if (!isAlone(query.text ?? '')) transaction.witness.forget()
    const capture = transaction.witness.captureBehind(query.text ?? '')
    const { running, captured } = this.connection.together(() => ({
      running: this.#execute(query),
      captured: capture && this.#capture(capture, transaction),
    }))
    try {
      return await running
    } catch (error) {
      transaction.firstFailure ??= { error, statement }
      throw error
    } finally {
      if (captured) await captured
    }
  }

  async #capture(question: Statement, { witness }: OpenTransaction): Promise<void> {
    try {
      const [answer] = await this.connection.run([question], this.#home.statementTimeoutMs)
      witness.note(answer)
    } catch {
      // It failed with the statement in front of it, which tells.
    }
  }

  async #execute(query: PgQuery): Promise<unknown> {
    const stopClock = limitAlone(this.connection, this.#home.statementTimeoutMs)
    try {
      return await this.#send(query)
    } catch (error) {
      if (isReadOnlyServer(error) && !this.#transaction?.isReadOnly) this.#leaveServer()
      throw error
    } finally {
      await stopClock()
    }
  }

  /** Every text goes this way: a connection that breaks under one that may end a transaction leaves its end unknown. */
  async #send(query: PgQuery, withinMs?: number): Promise<unknown> {
    const wasLost = this.connection.isLost
    try {
      return await executeQuery(this.connection, query, this.#home.statementTimeoutMs, withinMs)
    } catch (error) {
      if (wasLost || !this.connection.isLost || !mayEndUnheard(query.text ?? '')) throw error
      const name = this.#transaction?.name ?? 'transaction'
      const unknown = endUnknown(name, error)
      this.#home.noteUnknown(name)
      // A COMMIT that follows must not hear that nothing was saved.
      this.end('unknown', unknown)
      throw unknown
    }
  }

  /**
   * A server that takes no writes is not the primary any more: neither this connection nor an idle one is used again.
   */
  #leaveServer(): void {
    this.connection.retireAt = 0
    this.#home.leaveServer()
  }

  async #endByCommit(transaction: OpenTransaction, query: PgQuery): Promise<unknown> {
    try {
      const result = await this.#commit(transaction, query)
      this.end('committed')
      return result
    } catch (error) {
      this.end('rolled back', error)
      throw error
    }
  }

  async #commit(transaction: OpenTransaction, query: PgQuery): Promise<unknown> {
    const { name, firstFailure } = transaction
    if (this.connection.isLost) throw lostBeforeCommit(name, firstFailure?.error)
    if (this.connection.status === 'E') {
      // What the client sends next is meant for the transaction that AND CHAIN begins.
      await this.#send(plainQuery(isChained(query.text) ? 'rollback and chain' : 'rollback'))
      throw aborted(name, firstFailure)
    }
    this.connection.committing = name
    try {
      const result = await this.#send(query)
      if (commandOf(result) === 'ROLLBACK') throw aborted(name, firstFailure)
      return result
    } catch (error) {
      if (!this.connection.isLost || isPlinthError(error, 'CommitUnknown')) throw error
      await transaction.settleLost(error, transaction.isSerializable)
      return madeUp('COMMIT')
    } finally {
      this.connection.committing = undefined
    }
  }

  async #rollback(query: PgQuery): Promise<unknown> {
    try {
      const result = await this.#statement(query)
      // What AND CHAIN begins is another transaction, with an id of its own.
      this.end('rolled back')
      return result
    } catch (error) {
      if (!this.connection.isLost || !isAlone(query.text)) throw error
      this.end('rolled back')
      return madeUp('ROLLBACK')
    }
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
}

function isReadOnlyServer(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '25006'
}

/** Of the first statement, where the text held several. */
function commandOf(result: unknown): unknown {
  const first: unknown = Array.isArray(result) ? result[0] : result
  return typeof first === 'object' && first !== null && 'command' in first ? first.command : undefined
}
