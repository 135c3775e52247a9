import type { Connection } from '../driver/connection.ts'
import { loadPg, type PgQuery, type Submittable } from '../driver/peer.ts'
import { PlinthError } from '../errors.ts'
import { refuseCopyIn } from '../sql/copy-in.ts'
import { ClientLine } from './client-line.ts'
import { type Control, controlOf, isAlone, mayEndUnheard } from './control.ts'
import { plainQuery } from './execute.ts'
import type { PgPoolHome } from './home.ts'
import { ending, givenBackBroken, released, releasedTwice } from './refusals.ts'
import { noteSessionState } from './session-state.ts'
import { ClientSurface } from './surface.ts'

/** How long a client that is given back may still be busy before its connection is cut. */
const cleanUpMs = 1000
/** How long a connection has for the answer that shows it is alive. */
const pingLimitMs = 2000
/** Dead connections that one statement replaces at most: the first that is silent takes all idle ones with it. */
const mostReplaced = 3

/** The pool that a client came from. */
export interface ClientOrigin {
  /** A connection of its own for the client, in place of one that was found dead. */
  readonly acquire: () => Promise<Connection>
  /** Lets those who listen to `connect` set up a connection that is new to them. */
  readonly greet: (connection: Connection, client: PgClient) => void
  readonly whenLost: () => void
  readonly whenReleased: (error: unknown, client: PgClient) => void
}

/**
 * A checked-out client as pg's own pool hands it out, on an exclusive lane. Statements run one after the other, by pg's
 * own `Query`, so results and errors are pg's own. What it adds is the truth about transactions:
 *
 * | the client sends | and | the caller gets |
 * |---|---|---|
 * | COMMIT | a statement had failed | ROLLBACK is sent; TransactionAborted with the first failure |
 * | COMMIT | the answer is lost | what the server says of it: success, ConnectionLost or CommitUnknown |
 * | PREPARE TRANSACTION | a statement had failed | as with COMMIT |
 * | several statements that may end a transaction, PREPARE TRANSACTION | the answer is lost | CommitUnknown |
 * | ROLLBACK | the connection is gone | success: nothing is left to undo, and the first error still counts |
 * | BEGIN | a transaction is open | NestedTransaction |
 * | BEGIN | the connection is dead, or silent for 2 s | BEGIN on another one |
 * | its first statement | the connection was idle for long, and is dead | the statement on another one |
 * | anything | COMMIT or ROLLBACK is on its way, or the client was released | TransactionClosed |
 */
export class PgClient extends ClientSurface {
  readonly #home: PgPoolHome
  readonly #origin: ClientOrigin
  #line: ClientLine
  #detach: readonly (() => void)[]
  #tail: Promise<unknown> = Promise.resolve()
  #pending = 0
  /** The last COMMIT or ROLLBACK in line: what is sent behind it would run outside of the transaction. */
  #ending: PgQuery | undefined
  #isReleased = false
  #isGivenBack = false
  /** Nothing was sent on the connection since it was idle. */
  #isFresh = true
  /** A connection that dies now is replaced, and nobody need hear of it. */
  #isReplaceable = false
  /** What is asked now is sent to every connection, so it is no reason to reset this one. */
  #isPreparing = false

  constructor(home: PgPoolHome, connection: Connection, origin: ClientOrigin) {
    super()
    this.#home = home
    this.#origin = origin
    this.#line = new ClientLine(home, connection)
    this.#detach = this.#attach(connection)
  }

  get processID(): number {
    return this.#line.connection.processId
  }

  /** pg hands it out as a property that is often taken off the client. */
  release = (error?: unknown): void => {
    if (this.#isReleased) throw releasedTwice()
    this.#isReleased = true
    // Mostly there is nothing to clean, and the next caller must find the connection free.
    if (!error && this.#pending === 0 && !this.#line.hasTransaction) this.#giveBack(undefined)
    else void this.#cleanUp(error)
  }

  /** What `ask` sends is set up once for the connection, which every client of the pool gets. */
  prepare(ask: () => void): void {
    this.#isPreparing = true
    ask()
    this.#isPreparing = false
  }

  /** One statement after the other: pg 9 will not queue them itself, and each may change what the next one means. */
  protected send(query: PgQuery): Promise<unknown> {
    const control = controlOf(query.text ?? '')
    const refusal = this.#refusal(control)
    if (refusal) return Promise.reject(refusal)
    if (control !== 'none') this.#ending = control === 'begin' ? undefined : query
    // Asked now and not when its turn comes: what listeners to `connect` send is the same for every connection.
    const isPreparing = this.#isPreparing
    this.#pending++
    const work = this.#tail.then(() => this.#run(query, control, isPreparing))
    this.#tail = work.catch(() => undefined)
    return work
  }

  /** The next statement waits until it is closed. */
  protected pass<Query extends Submittable>(query: Query): Query {
    const refusal = this.#refusal('none') ?? refusalOfOwn(query)
    if (refusal) {
      process.nextTick(() => query.handleError(refusal, undefined))
      return query
    }
    hearOnce(query)
    this.#pending++
    this.#tail = this.#tail
      .then(() => this.#prove())
      .then(() => this.#line.submit(query))
      // Of a connection that was dead before pg knows nothing, and the reader would wait for ever.
      .catch((error: Error) => process.nextTick(() => query.handleError(error, undefined)))
      .finally(() => this.#pending--)
    return query
  }

  #refusal(control: Control): Error | undefined {
    if (this.#isReleased) return released()
    return this.#ending && control === 'none' ? ending() : undefined
  }

  async #run(query: PgQuery, control: Control, isPreparing: boolean): Promise<unknown> {
    try {
      this.#refuseGivenBack()
      refuseCopyIn(query.text ?? '')
      if (control === 'begin' && !this.#line.hasTransaction && isAlone(query.text)) return await this.#begin(query)
      if (this.#isFresh) await this.#prove()
      const { connection } = this.#line
      if (!isPreparing || connection.pooler) noteSessionState(connection, query.text ?? '')
      return await this.#line.run(query, control)
    } finally {
      this.#pending--
      if (this.#ending === query) this.#ending = undefined
    }
  }

  /** BEGIN has no effect but the transaction, so it may be sent again wherever nothing else was left behind. */
  async #begin(query: PgQuery): Promise<unknown> {
    this.#isFresh = false
    for (let left = mostReplaced, begin = query; ; left--, begin = plainQuery(query.text)) {
      this.#isReplaceable = left > 0 && !this.#line.connection.needsReset
      try {
        return await this.#line.run(begin, 'begin')
      } catch (error) {
        if (!this.#isReplaceable || !this.#line.connection.isLost) throw error
        await this.#replace()
      } finally {
        this.#isReplaceable = false
      }
    }
  }

  /**
   * A statement whose connection turns out dead may have been applied, so one that was idle for long is asked before.
   */
  async #prove(): Promise<void> {
    this.#refuseGivenBack()
    if (!this.#isFresh) return
    this.#isFresh = false
    const { pingAfterMs } = this.#home
    for (let left = mostReplaced; left > 0; left--) {
      const { connection } = this.#line
      if (performance.now() - connection.quietSince < pingAfterMs) return
      this.#isReplaceable = true
      const limitMs = connection.pooler?.patienceMs ?? pingLimitMs
      const isAlive = await connection.run([], limitMs, { firstWithinMs: limitMs }).then(
        () => true,
        () => false,
      )
      this.#isReplaceable = false
      if (isAlive) return
      await this.#replace()
    }
  }

  /** The statements that `connect` asks for go in front of those that wait. */
  async #replace(): Promise<void> {
    for (const stop of this.#detach) stop()
    this.#detach = []
    this.#home.release(this.#line.connection)
    const connection = await this.#origin.acquire()
    if (this.#isGivenBack) this.#home.release(connection)
    this.#refuseGivenBack()
    this.#line = new ClientLine(this.#home, connection)
    this.#detach = this.#attach(connection)
    const waiting = this.#tail
    this.#tail = Promise.resolve()
    this.#origin.greet(connection, this)
    const prepared = this.#tail
    this.#tail = waiting
    await prepared
    this.#refuseGivenBack()
  }

  /** Its connection is somebody else's by now. */
  #refuseGivenBack(): void {
    if (this.#isGivenBack) throw released()
  }

  #attach(connection: Connection): readonly (() => void)[] {
    return [
      connection.onNotification((channel, payload) =>
        this.emit('notification', { channel, payload, processId: connection.processId }),
      ),
      connection.onNotice((notice) => this.emit('notice', notice)),
      connection.onLost((cause) => {
        if (this.#isReplaceable) return
        // Unheard, an 'error' event would end the process; whoever runs a statement learns of it from that.
        if (this.listenerCount('error') > 0) this.emit('error', cause)
        this.emit('end')
        this.#origin.whenLost()
      }),
    ]
  }

  async #cleanUp(error: unknown): Promise<void> {
    if (error) this.#line.connection.destroy(givenBackBroken())
    await settledWithin(this.#tail, cleanUpMs)
    await this.#line.rollBackForgotten()
    this.#giveBack(error)
  }

  #giveBack(error: unknown): void {
    this.#isGivenBack = true
    this.#line.end('rolled back')
    for (const stop of this.#detach) stop()
    this.#home.release(this.#line.connection)
    this.#origin.whenReleased(error, this)
  }

  /** It was given back, and may still be cleaned up. */
  get isReleased(): boolean {
    return this.#isReleased
  }

  /** Its connection is gone. */
  get isRemoved(): boolean {
    return this.#line.connection.isLost
  }
}

/** What pg tells a query of the end of its connection, and what we tell it, is one failure. */
function hearOnce(query: Submittable): void {
  const hear = query.handleError.bind(query)
  let isHeard = false
  query.handleError = (error, wire) => {
    if (isHeard) return
    isHeard = true
    hear(error, wire)
  }
}

async function settledWithin(work: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([work, promise])
  clearTimeout(timer)
}

/** One of pg's own Query objects is passed on as it is, and nobody would learn what became of a COMMIT in it. */
function refusalOfOwn(query: Submittable): PlinthError | undefined {
  const given: unknown = query instanceof loadPg().Query && 'text' in query ? query.text : undefined
  const text = typeof given === 'string' ? given : ''
  if (controlOf(text) === 'none' && !mayEndUnheard(text)) return undefined
  return new PlinthError('SessionStatement', 'A Query object cannot begin or end a transaction here.', {
    statement: text,
    hint: "Give the text itself: client.query('commit').",
  })
}
