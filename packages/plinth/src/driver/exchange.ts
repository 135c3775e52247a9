import { PlinthError } from '../errors.ts'
import type { Answer } from '../operation/answer.ts'
import type { AnswerColumn } from '../operation/row-reader.ts'
import { MessageSplitter, type MessageTaker, messageCode } from './message-splitter.ts'
import { MessageWriter, type Parameter } from './message-writer.ts'
import { isServerError, type PgPackage, type ServerError, type WireConnection } from './peer.ts'
import type { Prepared, PreparedStatements } from './prepared.ts'
import { thisTurn, type Turn } from './turn.ts'

export interface Statement {
  readonly text: string
  readonly values: readonly Parameter[]
  readonly portal?: Portal
  /** Rows stay as they came over the wire: see `StepAnswer.byteRows`. */
  readonly asBytes?: true
}

/**
 * Answers a statement in parts, each in an exchange of its own: the first binds the portal, those after it (`isOpen`)
 * go on where the last one stopped. A portal lives until its transaction ends, so there must be one.
 */
export interface Portal {
  readonly name: string
  readonly maxRows: number
  readonly isOpen: boolean
}

/** PostgreSQL's text of one row, in UTF-8. */
export type ByteRow = readonly (Uint8Array | null)[]

/** An answer with the command tag, `INSERT 0 1`. */
export interface StepAnswer extends Answer {
  readonly tag: string
  /** The rows of a statement that is `asBytes`; its `rows` are empty. */
  readonly byteRows: readonly ByteRow[]
}

/** The tag of a part with more behind it. */
export const suspendedTag = 'SUSPENDED'

/** A failed exchange: what went wrong, and how many statements had been answered before it. */
export interface ExchangeFailure {
  readonly error: unknown
  readonly completed: number
  /**
   * True when the server went on to ReadyForQuery. After a FATAL or PANIC it does not: the error is the server's, but a
   * commit may be on the disk all the same (seen: an I/O error at fsync, PANIC 58030, and the row there after
   * recovery).
   */
  readonly answered: boolean
  /** False when the connection was lost before anything was sent. Default true. */
  readonly sent?: boolean
}

interface OpenStep {
  columns: readonly AnswerColumn[]
  readonly rows: (readonly (string | null)[])[]
  readonly byteRows: ByteRow[]
}

interface SentStep {
  readonly statement: Statement
  readonly prepared: Prepared | undefined
  readonly isNew: boolean
}

/** One for all connections: an exchange is written without a pause. */
const writer = new MessageWriter()

/**
 * Several statements sent with one Sync: PostgreSQL runs them in one implicit transaction and skips the rest when one
 * fails, so BEGIN or a `set_config` travels with the statement it is for, in one round trip.
 *
 * It is a pg submittable. pg's pipeline accepts only instances of its own `Query`, and looks at nothing but the
 * prototype chain (client.js, `query instanceof Query`), so `adoptExchange` puts `Query` there: the constructor of
 * `Query`, an EventEmitter with a result builder, is never paid.
 */
export class Exchange {
  readonly startedAt: number = performance.now()
  readonly startedIn: Turn = thisTurn()
  /** The server's own time limit for the statements, in ms. */
  readonly limitMs: number
  /** The server must answer the first statement within this time, in ms. */
  readonly firstWithinMs: number | undefined
  readonly #statements: readonly Statement[]
  readonly #prepared: PreparedStatements
  readonly #ended: (exchange: Exchange) => void
  readonly #sent: SentStep[] = []
  readonly #answers: StepAnswer[] = []
  readonly #settled = Promise.withResolvers<readonly StepAnswer[]>()
  readonly #maxBytes: number
  #bytes = 0
  #open: OpenStep = { columns: [], rows: [], byteRows: [] }
  #serverError: ServerError | undefined

  /** `ended` is called before `answers` settles. */
  constructor(
    statements: readonly Statement[],
    limitMs: number,
    prepared: PreparedStatements,
    ended: (exchange: Exchange) => void,
    maxBytes: number = Number.POSITIVE_INFINITY,
    firstWithinMs?: number,
  ) {
    this.#statements = statements
    this.limitMs = limitMs
    this.#prepared = prepared
    this.#ended = ended
    this.#maxBytes = maxBytes
    this.firstWithinMs = firstWithinMs
  }

  /** Rejects with an `ExchangeFailure`. */
  get answers(): Promise<readonly StepAnswer[]> {
    return this.#settled.promise
  }

  submit(connection: WireConnection): null {
    writer.clear()
    for (const name of this.#prepared.takeClosing()) writer.closeStatement(name)
    for (const [at, statement] of this.#statements.entries()) {
      this.#write(statement)
      // Without Flush the server keeps the first answer to itself until the last statement has ended.
      if (at === 0 && this.firstWithinMs !== undefined) writer.flush()
    }
    writer.sync()
    if (connection.stream.writable) connection.stream.write(writer.take())
    this.#beginStep()
    return null
  }

  #write(statement: Statement): void {
    if (statement.portal) return this.#writePortal(statement, statement.portal)
    const prepared = this.#prepared.find(statement.text)
    const name = prepared?.name ?? ''
    const isKnown = prepared?.columns !== undefined
    if (!isKnown) writer.parse(name, statement.text)
    writer.bind('', name, statement.values)
    if (!isKnown) writer.describePortal('')
    writer.execute('', 0)
    this.#sent.push({ statement, prepared, isNew: prepared !== undefined && !isKnown })
  }

  /** Unnamed: what is read in parts is rarely asked again, and its name would cost one that is. */
  #writePortal(statement: Statement, { name, maxRows, isOpen }: Portal): void {
    if (!isOpen) {
      writer.parse('', statement.text)
      writer.bind(name, '', statement.values)
      writer.describePortal(name)
    }
    writer.execute(name, maxRows)
    this.#sent.push({ statement, prepared: undefined, isNew: false })
  }

  handlePortalSuspended(): void {
    this.#endStep(suspendedTag)
  }

  handleRowDescription(message: {
    readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[]
  }): void {
    this.#open.columns = message.fields.map((field) => ({ name: field.name, oid: field.dataTypeID }))
  }

  /** False, and counted, for a row that would make the answer too large: it need not be read to its end. */
  wantsRow(length: number): boolean {
    if (this.#bytes + length <= this.#maxBytes) return true
    this.#drop(length)
    return false
  }

  /**
   * A row's values lie in `bytes` behind `start`: their number in 16 bits, each with its length in 32 bits before it.
   */
  takeRow(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    if (!this.wantsRow(length)) return
    this.#bytes += length
    const { rows, byteRows } = this.#open
    if (this.#sent[this.#answers.length]?.statement.asBytes) byteRows.push(valuesOf(bytes, start, bytesOf))
    else rows.push(valuesOf(bytes, start, textOf))
  }

  #drop(length: number): void {
    this.#bytes += length
    this.#open.rows.length = 0
    this.#open.byteRows.length = 0
  }

  handleCommandComplete(message: { readonly text: string }): void {
    this.#endStep(message.text)
  }

  handleEmptyQuery(): void {
    this.#endStep('')
  }

  /**
   * The server now waits for rows, and has read over this exchange's Sync: after a refusal it would take the next
   * exchange's Sync for ours, and each later answer would go to the wrong caller. So the connection ends here.
   */
  handleCopyInResponse(connection: WireConnection): void {
    connection.stream.destroy(new Error('COPY FROM STDIN has no source here'))
  }

  handleCopyData(): void {
    // COPY TO STDOUT: its rows have no place in an answer; the tag still says how many there were.
  }

  /**
   * Called by pg for an ErrorResponse, where ReadyForQuery still follows, and for a broken connection, where none does.
   */
  handleError(error: Error): void {
    if (isServerError(error)) this.#serverError = error
    else this.settleFailure(error)
  }

  handleReadyForQuery(): void {
    if (this.#bytes > this.#maxBytes) return this.#fail(tooLarge(this.#maxBytes), true)
    this.#ended(this)
    this.#settled.resolve(this.#answers)
  }

  /** The server has answered the first statement, or refused it. */
  get isHeard(): boolean {
    return this.#answers.length > 0 || this.#serverError !== undefined
  }

  get serverError(): ServerError | undefined {
    return this.#serverError
  }

  /** Ends a failed exchange: by the connection, after ReadyForQuery or when the socket is gone. */
  settleFailure(lostCause?: unknown): void {
    for (const step of this.#sent.slice(this.#answers.length)) {
      if (step.prepared && (step.isNew || isStale(this.#serverError)))
        this.#prepared.forget(step.statement.text, step.prepared)
    }
    // One statement the server dropped means a DEALLOCATE or DISCARD: the others are gone too, ROLLBACK among them.
    if (this.#serverError?.code === '26000') this.#prepared.clear()
    this.#fail(this.#serverError ?? lostCause, lostCause === undefined)
  }

  #fail(error: unknown, answered: boolean): void {
    this.#ended(this)
    this.#settled.reject({ error, completed: this.#answers.length, answered } satisfies ExchangeFailure)
  }

  #beginStep(): void {
    const columns = this.#sent[this.#answers.length]?.prepared?.columns ?? []
    this.#open = { columns, rows: [], byteRows: [] }
  }

  #endStep(tag: string): void {
    const { columns, rows, byteRows } = this.#open
    const sent = this.#sent[this.#answers.length]
    if (sent?.isNew && sent.prepared) sent.prepared.columns = columns
    this.#answers.push({ columns, rows, byteRows, tag, rowCount: countInTag(tag) })
    this.#beginStep()
  }
}

/**
 * Several statements as one text, by the simple protocol. It has no parameters, and its rows are dropped: a schema
 * file or a dump is run for its effect.
 */
export class Script extends Exchange {
  readonly #text: string

  /** The server's limit is for each statement, and it sends no answer before the last: its silence says nothing. */
  constructor(text: string, prepared: PreparedStatements, ended: (exchange: Exchange) => void) {
    super([], Infinity, prepared, ended)
    this.#text = text
  }

  override takeRow(): void {
    // Dropped.
  }

  override submit(connection: WireConnection): null {
    connection.query(this.#text)
    return null
  }

  /** The simple protocol has no Sync to lose: the server gives up and says so. */
  override handleCopyInResponse(connection: WireConnection): void {
    connection.sendCopyFail('COPY FROM STDIN has no source here')
  }
}

const ownCodes: ReadonlySet<number> = new Set(Object.values(messageCode))

/**
 * Gives the rows and tags of exchanges to the `oldest` one, and everything else to `passOn`: what pg would only hand on
 * to it, or say to nobody.
 */
export function splitExchanges(oldest: () => object | undefined, passOn: (bytes: Buffer) => void): MessageSplitter {
  const exchange = (): Exchange | undefined => {
    const first = oldest()
    return first instanceof Exchange ? first : undefined
  }
  const taker: MessageTaker = {
    takes: (code) => ownCodes.has(code) && exchange() !== undefined,
    wants: (code, length) => code !== messageCode.dataRow || exchange()?.wantsRow(length) !== false,
    take: (code, bytes, start, end) => {
      if (code === messageCode.dataRow) exchange()?.takeRow(bytes, start, end)
      else if (code === messageCode.commandComplete)
        exchange()?.handleCommandComplete({ text: bytes.toString('latin1', start, end - 1) })
    },
  }
  return new MessageSplitter(taker, passOn)
}

export function adoptExchange(pg: PgPackage): void {
  if (Object.getPrototypeOf(Exchange.prototype) !== pg.Query.prototype)
    Object.setPrototypeOf(Exchange.prototype, pg.Query.prototype)
}

/** The server dropped the statement, or a DDL changed its result: it must be prepared anew. */
export function isStale(error: ServerError | undefined): boolean {
  if (!error) return false
  return (
    error.code === '26000' ||
    error.code === '42P05' ||
    (error.code === '0A000' && error.message.includes('cached plan'))
  )
}

function valuesOf<V>(
  bytes: Buffer,
  start: number,
  read: (bytes: Buffer, start: number, end: number) => V,
): (V | null)[] {
  const count = bytes.readUInt16BE(start)
  const values: (V | null)[] = []
  let at = start + 2
  for (let i = 0; i < count; i++) {
    const length = bytes.readInt32BE(at)
    at += 4
    values.push(length < 0 ? null : read(bytes, at, at + length))
    if (length > 0) at += length
  }
  return values
}

function textOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf8', start, end)
}

/** A view: the chunk it came in is kept as long as it is. */
function bytesOf(bytes: Buffer, start: number, end: number): Buffer {
  return bytes.subarray(start, end)
}

function countInTag(tag: string): number {
  const space = tag.lastIndexOf(' ')
  const count = Number(tag.slice(space + 1))
  return space < 0 || Number.isNaN(count) ? 0 : count
}

function tooLarge(maxBytes: number): PlinthError {
  return new PlinthError('AnswerTooLarge', `The statement ran, but its answer is larger than ${maxBytes} bytes.`, {
    phase: 'statement',
    outcome: 'applied',
    hint: 'Ask for fewer rows or columns, page by page.',
  })
}
