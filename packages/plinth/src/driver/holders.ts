import { type DatabaseIdentity, observe } from '../observe/observation.ts'
import { type CallSite, placeOf } from './call-site.ts'
import type { Connection } from './connection.ts'
import { removeFrom } from './membership.ts'

/** Who asks for a connection of his own. */
export interface Holder {
  /** Of the transaction, or what holds it otherwise: `session`, the summary of a statement. */
  readonly name: string
  /** Where it was asked for. A single statement has none: the capture would be 3 % of its time. */
  readonly site?: CallSite | undefined
  /** True while holding on is its purpose, as for a session that listens; it is no leak then. */
  readonly isLasting?: boolean
}

interface Holding {
  readonly connection: Connection
  readonly holder: Holder
  readonly since: number
  isReported: boolean
  /** When the connection fell silent for the pause that was reported last. */
  warnedOf: number
}

/** A transaction that sends nothing for this long is reported; its locks are held meanwhile. */
const idleWarningMs = 1000

/** The connections that are out, and with whom. */
export class Holders {
  readonly #identity: DatabaseIdentity
  readonly #leakAfterMs: number
  readonly #held: Holding[] = []
  #leaks = 0

  constructor(identity: DatabaseIdentity, leakAfterMs: number) {
    this.#identity = identity
    this.#leakAfterMs = leakAfterMs
  }

  get size(): number {
    return this.#held.length
  }

  /** Reported since the pool was made. */
  get leaks(): number {
    return this.#leaks
  }

  get connections(): Connection[] {
    return this.#held.map(({ connection }) => connection)
  }

  has(connection: Connection): boolean {
    return this.#of(connection) !== undefined
  }

  add(connection: Connection, holder: Holder): void {
    this.#held.push({ connection, holder, since: performance.now(), isReported: false, warnedOf: 0 })
  }

  delete(connection: Connection): boolean {
    const holding = this.#of(connection)
    return holding !== undefined && removeFrom(this.#held, holding)
  }

  /** Holders whose connection has had nothing to do for `quietMs`; undefined when one of them is at work. */
  allIdleFor(quietMs: number): readonly Holder[] | undefined {
    const latest = performance.now() - quietMs
    const isIdle = ({ connection, since }: Holding): boolean =>
      connection.inFlight === 0 && Math.max(since, connection.quietSince) <= latest
    return this.#held.every(isIdle) ? this.#held.map(({ holder }) => holder) : undefined
  }

  /** One line a holder, the longest first: `"createOrder" for 5012 ms, idle in transaction, src/orders.ts:52`. */
  describe(): string[] {
    const now = performance.now()
    return this.#held.map(({ connection, holder, since }) => {
      const place = placeOf(holder.site)
      const where = place === undefined ? '' : `, ${place}`
      return `"${holder.name}" for ${Math.round(now - since)} ms, ${stateOf(connection)}${where}`
    })
  }

  /** A holder gave `connection` back with work still open. */
  noteLeftOpen(connection: Connection): void {
    const holding = this.#of(connection)
    if (holding) this.#report(holding, performance.now())
  }

  /** Reports who has held on for too long, and who is idle in a transaction; each once. */
  look(): void {
    const now = performance.now()
    for (const holding of [...this.#held]) {
      const { connection, holder, since } = holding
      const isLeak = now - since >= this.#leakAfterMs && connection.inFlight === 0 && !holder.isLasting
      if (isLeak && !holding.isReported) this.#report(holding, now)
      else this.#warnIfIdle(holding, now)
    }
  }

  #of(connection: Connection): Holding | undefined {
    return this.#held.find((holding) => holding.connection === connection)
  }

  #report(holding: Holding, now: number): void {
    const { holder, since } = holding
    holding.isReported = true
    this.#leaks++
    const place = placeOf(holder.site)
    const stack = holder.site?.stack
    observe({
      kind: 'leak',
      database: this.#identity,
      holder: holder.name,
      heldMs: now - since,
      ...(place === undefined ? {} : { place }),
      ...(stack === undefined ? {} : { stack }),
    })
  }

  #warnIfIdle(holding: Holding, now: number): void {
    const { connection } = holding
    const { quietSince } = connection
    const isIdle = connection.status !== 'I' && connection.inFlight === 0
    if (!isIdle || now - quietSince < idleWarningMs || holding.warnedOf === quietSince) return
    holding.warnedOf = quietSince
    const place = placeOf(holding.holder.site)
    observe({
      kind: 'transaction.idle',
      database: this.#identity,
      transaction: holding.holder.name,
      ms: now - quietSince,
      ...(place === undefined ? {} : { place }),
    })
  }
}

function stateOf(connection: Connection): string {
  if (connection.isLost) return 'lost'
  if (connection.inFlight > 0) return 'running a statement'
  return { I: 'idle', T: 'idle in transaction', E: 'idle in a failed transaction' }[connection.status]
}
