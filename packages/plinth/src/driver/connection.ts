import { AsyncLocalStorage } from 'node:async_hooks'
import { PlinthError } from '../errors.ts'
import { failureOf } from '../observe/failure.ts'
import { type DatabaseIdentity, isObserved, observe } from '../observe/observation.ts'
import { requestCancel } from './cancel.ts'
import { clientOptions, type ConnectionOptions, type Pooler } from './client-options.ts'
import {
  adoptExchange,
  Exchange,
  type ExchangeFailure,
  Script,
  splitExchanges,
  type Statement,
  type StepAnswer,
} from './exchange.ts'
import { isServerError, loadPg, type Submittable, type WireClient } from './peer.ts'
import { asOpened, type LaneSettings, LaneState } from './lane-settings.ts'
import { PreparedStatements } from './prepared.ts'
import { ServerRole } from './server-role.ts'
import { connectFailure } from './sqlstate.ts'
import { Submission } from './submission.ts'
import { timerMs } from './timer.ts'
import { corkForThisTurn, type Stream, thisTurn } from './turn.ts'

/** As pg parses it. */
interface Notice {
  /** The function of the server that says it. */
  readonly routine?: string
}

export interface RunOptions {
  /** Hears how long the server was busy with the statements, what was in line before them not included. */
  readonly noteBusyMs?: ((ms: number) => void) | undefined
  /** A larger answer is dropped, and the exchange fails with AnswerTooLarge. Default: no limit. */
  readonly maxBytes?: number | undefined
  /** The connection counts as dead when the first statement has no answer by then. Default: see `silenceGraceMs`. */
  readonly firstWithinMs?: number | undefined
  /** What the session must have for them. Default: whatever it has. */
  readonly settings?: LaneSettings | undefined
  /** They may run code that leaves settings on the session. Default false. */
  readonly runsCode?: boolean | undefined
}

/** How long past its statement's own time limit a server may stay silent before the connection counts as dead. */
const silenceGraceMs = 3000

/**
 * Runs its argument in the context of nobody. A connection outlives the transaction in whose callback it was opened,
 * and what its socket tells the listeners of later is no part of it.
 */
const outside = AsyncLocalStorage.snapshot()

/** How long closing waits for the server to hang up. */
const goodbyeMs = 1000

/**
 * One connection, pipelined: exchanges are sent at once and answered in order. It is a lane of the pool, shared or
 * exclusive, and is never used again once an exchange ended without the server's ReadyForQuery.
 */
export class Connection {
  readonly #client: WireClient
  readonly identity: DatabaseIdentity
  readonly #prepared: PreparedStatements
  readonly #state = new LaneState()
  readonly pooler: Pooler | undefined
  /** Oldest first. No Set: see membership.ts. */
  readonly #inFlight: (Exchange | Submission)[] = []
  readonly #lostListeners = new Set<(cause: unknown) => void>()
  #failed: Exchange | undefined
  readonly role: ServerRole
  readonly openedAt: number = performance.now()
  /** When the pool replaces it, if it is idle then. */
  retireAt: number = Infinity
  #heardAt: number = this.openedAt
  #heardIn = thisTurn()
  /** Goes off at `#watchAt` or later, and looks whether the server has been silent for too long. */
  #watch: NodeJS.Timeout | undefined
  #watchAt = Infinity
  #lostCause: unknown
  #isLost = false
  #wasShutDown = false
  #wasUnheard = false
  /**
   * Set by a statement whose effect outlives its transaction; the pool resets the connection before the next holder.
   */
  needsReset = false
  /**
   * Name of the transaction whose COMMIT is under way, set by the holder. One that waits for a synchronous standby
   * answers a cancel with an unreplicated success, so it is given up without one.
   */
  committing: string | undefined
  /** How often it was reset: each time it is as new. */
  resets = 0
  #isClosing = false

  private constructor(client: WireClient, options: ConnectionOptions, role: ServerRole) {
    this.#client = client
    this.role = role
    this.identity = options.identity
    this.pooler = options.pooler
    this.#prepared = new PreparedStatements(options.preparedStatements)
    // pg's own listener comes first, so the transaction status is known when a failed exchange settles.
    client.connection.on('readyForQuery', () => {
      this.#settleFailed()
      this.#settleSubmitted()
    })
    client.connection.on('errorMessage', () => this.#noteFailed())
    this.#readStream(client.connection.stream)
    client.on('error', (cause) => this.#lose(cause))
    client.on('notice', (notice: Notice) => this.#noteUnreplicated(notice))
    client.on('end', () => this.#lose(new PlinthError('ConnectionLost', 'The server closed the connection.')))
  }

  /** `signal` gives up an attempt that is under way. */
  static async open(options: ConnectionOptions, signal?: AbortSignal): Promise<Connection> {
    const pg = loadPg()
    adoptExchange(pg)
    const client = outside(() => new pg.Client(clientOptions(options)))
    // Behind a pooler we send none, and pg would take those of PGOPTIONS instead.
    if (options.pooler) client.connectionParameters.options = ''
    // Before connect resolves pg reports through the promise, but a socket error may follow it: unheard, it would end
    // the process.
    const ignore = (): void => undefined
    client.on('error', ignore)
    const role = new ServerRole(client.connection, options.pooler !== undefined)
    const from = performance.now()
    const giveUp = (): void => void client.connection.stream.destroy()
    signal?.addEventListener('abort', giveUp)
    try {
      await outside(() => client.connect())
    } catch (cause) {
      giveUp()
      throw connectFailure(cause, options)
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
    const connection = new Connection(client, options, role)
    client.off('error', ignore)
    if (isObserved('connection.open'))
      observe({ kind: 'connection.open', database: options.identity, ms: performance.now() - from })
    return connection
  }

  /** False where a statement must be sent whole each time: see `preparedStatements`. */
  get namesStatements(): boolean {
    return this.#prepared.limit > 0
  }

  get processId(): number {
    return this.#client.processID
  }

  get inFlight(): number {
    return this.#inFlight.length
  }

  /** How long the server has been at what is first in line, in ms; 0 with nothing in flight. See `#serverMs`. */
  get busyMs(): number {
    const oldest = this.#oldest
    return oldest ? this.#serverMs(oldest) : 0
  }

  /**
   * For how long, at least: time in which this process was busy with other things, and could neither send nor read, is
   * not the server's. Counted as such it made half the quick reads of a busy hub look slow (64 callers, 2 cores,
   * 2026-11).
   */
  #serverMs({ startedIn }: Exchange | Submission): number {
    return Math.max(0, thisTurn().beganAt - Math.max(startedIn.endedAt, this.#heardIn.endedAt))
  }

  /** When the last answer ended. */
  get quietSince(): number {
    return this.#heardAt
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /**
   * Those opened before may be as dead: the server ended this one as it ends all, for a shutdown (57P01) or the crash
   * of another backend (57P02), or did not answer a BEGIN.
   */
  get endsOthers(): boolean {
    return this.#wasShutDown || this.#wasUnheard
  }

  /** `I` idle, `T` in a transaction, `E` in a failed one; as of the last answer. */
  get status(): 'I' | 'T' | 'E' {
    return this.#client.getTransactionStatus() ?? 'I'
  }

  /**
   * Sends `statements` with one Sync. Rejects with an `ExchangeFailure`. `limitMs`: the server's own time limit for
   * them.
   */
  run(
    statements: readonly Statement[],
    limitMs: number,
    { noteBusyMs, maxBytes, firstWithinMs, settings, runsCode }: RunOptions = {},
  ): Promise<readonly StepAnswer[]> {
    const front = settings ? this.#state.front(settings) : []
    const all = front.length === 0 ? statements : [...front, ...statements]
    const ended = noteBusyMs
      ? (exchange: Exchange): void => {
          noteBusyMs(this.#serverMs(exchange))
          this.#noteEnded(exchange)
        }
      : this.#noteEnded
    const answers = this.#start(new Exchange(all, limitMs, this.#prepared, ended, maxBytes, firstWithinMs))
    const { turn } = this.#state
    if (runsCode) this.#state.spoil()
    return settings && front.length > 0 ? this.#confirm(answers, settings, front.length, turn) : answers
  }

  async #confirm(
    answers: Promise<readonly StepAnswer[]>,
    settings: LaneSettings,
    inFront: number,
    turn: number,
  ): Promise<readonly StepAnswer[]> {
    const all = await answers
    this.#state.confirm(turn, settings)
    return all.slice(inFront)
  }

  /** Key of the settings its session has: empty as it was opened, undefined where nobody knows. */
  get settingsKey(): string | undefined {
    return this.#state.key
  }

  /** Makes the session as it was opened, but for what `reset` undoes besides settings. Nothing may be in flight. */
  async resetSettings(limitMs: number): Promise<void> {
    await this.run([], limitMs, { settings: asOpened })
  }

  /** Runs a text of several statements by the simple protocol. */
  runScript(text: string): Promise<readonly StepAnswer[]> {
    return this.#start(new Script(text, this.#prepared, this.#noteEnded))
  }

  /**
   * Sends one of pg's own queries on this exclusive lane, with nothing in flight. The query hears of its rows and
   * errors from pg; this resolves when the server is ready for the next one, and rejects when the connection is lost.
   * pg's pipeline takes its own class alone, and not its option `rows`: those run with the pipeline off.
   */
  submit(query: Submittable, limitMs: number, withinMs?: number): Promise<void> {
    if (this.#isLost) return Promise.reject(this.#lostCause)
    const isOwn = query instanceof loadPg().Query
    // A cursor is silent for as long as its reader takes.
    const submission = new Submission(isOwn ? limitMs : Infinity, withinMs, this.#noteEnded)
    const submit = query.submit.bind(query)
    query.submit = (wire) => {
      const refusal: unknown = submit(wire)
      // pg refused it before anything was sent, so no answer will come. Not before pg has put it away, which it does
      // in its next tick and as the pipeline was then: else the answer to the next query would go to this one.
      if (refusal) setImmediate(() => this.#settleSubmitted())
      return refusal
    }
    this.#inFlight.push(submission)
    this.#watchOldest()
    this.#client.pipeline = isOwn && !('rows' in query && query.rows)
    try {
      this.#client.query(query)
    } catch (cause) {
      // Half a message may be on its way.
      this.destroy(cause)
    }
    return submission.ready
  }

  /** What `send` sends goes out as one write. */
  together<R>(send: () => R): R {
    const { stream } = this.#client.connection
    stream.cork()
    try {
      return send()
    } finally {
      stream.uncork()
    }
  }

  /**
   * Asks the server to cancel what it runs for this connection. A request that may still arrive later would hit a later
   * statement, so there will be none.
   */
  async cancel(): Promise<void> {
    if (await requestCancel(this.#client)) return
    this.destroy(
      new PlinthError('ConnectionLost', 'The server did not take a request to cancel.', { outcome: 'unknown' }),
    )
  }

  /** Undoes what a session left behind: settings, LISTEN, temporary tables, advisory locks, prepared statements. */
  async reset(limitMs: number): Promise<void> {
    this.#prepared.clear()
    await this.run([{ text: 'discard all', values: [] }], limitMs)
    this.#prepared.clear()
    this.#client.connection.parsedStatements = {}
    this.resets++
    this.#state.clear()
    this.needsReset = false
  }

  onNotification(listener: (channel: string, payload: string) => void): () => void {
    const receive = (message: { readonly channel: string; readonly payload?: string }): void =>
      this.#hear(() => listener(message.channel, message.payload ?? ''))
    this.#client.on('notification', receive)
    return () => this.#client.off('notification', receive)
  }

  /** Calls `listener` for each notice or warning the server sends beside its answers. */
  onNotice(listener: (notice: { readonly code: string; readonly message: string }) => void): () => void {
    const receive = (notice: { readonly code?: string; readonly message?: string }): void =>
      this.#hear(() => listener({ code: notice.code ?? '', message: notice.message ?? '' }))
    this.#client.on('notice', receive)
    return () => this.#client.off('notice', receive)
  }

  /** What a listener throws would come out of the socket's event, and end the connection or the process. */
  #hear(listen: () => void): void {
    try {
      listen()
    } catch (cause) {
      observe({ kind: 'listener.failed', database: this.identity, failure: failureOf(cause) })
    }
  }

  /** Calls `listener` once when the connection breaks without our doing; at once if it already has. */
  onLost(listener: (cause: unknown) => void): () => void {
    if (this.#isLost) listener(this.#lostCause)
    else this.#lostListeners.add(listener)
    return () => this.#lostListeners.delete(listener)
  }

  /** Says goodbye to the server, and hangs up when it does not answer. Nothing may be in flight. */
  async close(): Promise<void> {
    this.#isClosing = true
    const timer = setTimeout(() => this.#client.connection.stream.destroy(), goodbyeMs)
    await this.#client.end()
    clearTimeout(timer)
  }

  /** Cuts the socket: the server rolls back what was open. */
  destroy(cause: unknown): void {
    this.#lose(cause)
    this.#client.connection.stream.destroy()
  }

  #start(exchange: Exchange): Promise<readonly StepAnswer[]> {
    // pg would only say that the client is not queryable; why it was lost is what the caller must know.
    if (this.#isLost) {
      const failure: ExchangeFailure = { error: this.#lostCause, completed: 0, answered: false, sent: false }
      return Promise.reject(failure)
    }
    if (this.#inFlight.length > 0) corkForThisTurn(this.#client.connection.stream)
    this.#inFlight.push(exchange)
    this.#watchOldest()
    try {
      this.#client.query(exchange)
    } catch (cause) {
      this.destroy(cause)
    }
    return exchange.answers
  }

  readonly #noteEnded = (ended: Exchange | Submission): void => {
    const at = this.#inFlight.indexOf(ended)
    if (at >= 0) this.#inFlight.splice(at, 1)
    this.#heardAt = performance.now()
    this.#heardIn = thisTurn()
    this.#watchOldest()
  }

  /** Only the oldest exchange is running: the others wait for it, and their time has not begun. */
  get #oldest(): Exchange | Submission | undefined {
    return this.#inFlight[0]
  }

  /**
   * The timer is moved only to an earlier time; where it goes off too early it looks and waits on. One for each BEGIN,
   * which nobody cleared, kept each answer in memory for two seconds.
   */
  #watchOldest(): void {
    const oldest = this.#oldest
    if (!oldest) return
    const at = Math.max(oldest.startedAt, this.#heardAt) + patienceMs(oldest)
    if (at >= this.#watchAt) return
    clearTimeout(this.#watch)
    this.#watchAt = at
    // After a setImmediate: what arrived while this process was busy has been read by then.
    const look = (): void => void setImmediate(() => this.#lookForSilence())
    this.#watch = setTimeout(look, timerMs(at - performance.now())).unref()
  }

  #lookForSilence(): void {
    this.#watchAt = Infinity
    const oldest = this.#oldest
    if (!oldest) return
    const silentMs = performance.now() - Math.max(oldest.startedAt, this.#heardAt)
    if (silentMs < patienceMs(oldest)) this.#watchOldest()
    else if (oldest.isHeard || oldest.firstWithinMs === undefined) this.#giveUp(oldest.limitMs)
    else this.#giveUpUnheard(oldest.firstWithinMs)
  }

  /**
   * Rows of exchanges are read here, the rest by pg's parser. What a parser throws, as at a text beyond 512 MiB, would
   * come out of the socket's event and end the process.
   */
  #readStream(stream: Stream): void {
    const parsers = stream.listeners('data')
    stream.removeAllListeners('data')
    const splitter = splitExchanges(
      () => this.#oldest,
      (bytes) => {
        for (const parse of parsers) parse.call(stream, bytes)
      },
    )
    stream.on('data', (chunk: Buffer) => {
      thisTurn()
      try {
        if (!this.#isLost) splitter.push(chunk)
      } catch (cause) {
        this.destroy(cause)
      }
    })
  }

  #giveUpUnheard(withinMs: number): void {
    this.#wasUnheard = true
    const message = `The server did not answer within ${withinMs} ms.`
    this.destroy(new PlinthError('ConnectionLost', message, { outcome: 'unknown' }))
  }

  #giveUp(limitMs: number): void {
    const silentMs = limitMs + silenceGraceMs
    const message = `The server was silent for ${silentMs} ms, past its own time limit of ${limitMs} ms.`
    this.destroy(new PlinthError('ConnectionLost', message, { outcome: 'unknown' }))
  }

  /** The server says so in words of its own language; the function that says it is always the same (syncrep.c). */
  #noteUnreplicated({ routine }: Notice): void {
    if (routine !== 'SyncRepWaitForLSN') return
    const whose = this.committing === undefined ? {} : { transaction: this.committing }
    observe({ kind: 'commit.unreplicated', database: this.identity, ...whose })
  }

  #noteFailed(): void {
    // pg has handed the error to the exchange at the head, which is the oldest one in flight.
    const oldest = this.#oldest
    if (oldest instanceof Exchange && oldest.serverError) this.#failed = oldest
  }

  /** A query of pg's own is sent with nothing in flight, so it is the oldest. */
  #settleSubmitted(): void {
    const oldest = this.#oldest
    if (!(oldest instanceof Submission)) return
    this.#client.pipeline = true
    oldest.settle()
  }

  #settleFailed(): void {
    const failed = this.#failed
    this.#failed = undefined
    failed?.settleFailure()
  }

  #lose(cause: unknown): void {
    if (this.#isLost) return
    this.#isLost = true
    this.#lostCause = cause
    clearTimeout(this.#watch)
    const code = isServerError(cause) ? cause.code : this.#failed?.serverError?.code
    this.#wasShutDown = code === '57P01' || code === '57P02'
    this.#failed = undefined
    for (const exchange of [...this.#inFlight]) exchange.settleFailure(cause)
    if (this.#isClosing) return
    observe({ kind: 'connection.lost', database: this.identity, failure: failureOf(cause) })
    for (const listener of this.#lostListeners) this.#hear(() => listener(cause))
    this.#lostListeners.clear()
  }
}

/** How long the server may be silent at this exchange, in ms. */
function patienceMs({ isHeard, firstWithinMs, limitMs }: Exchange | Submission): number {
  return isHeard || firstWithinMs === undefined ? limitMs + silenceGraceMs : firstWithinMs
}
