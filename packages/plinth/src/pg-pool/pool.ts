import { EventEmitter } from 'node:events'
import type { Pool } from 'pg'
import { captureHolder } from '../driver/call-site.ts'
import type { Connection } from '../driver/connection.ts'
import type { Holder } from '../driver/holders.ts'
import { removeFrom } from '../driver/membership.ts'
import { loadPg } from '../driver/peer.ts'
import { PgClient } from './client.ts'
import type { PgPoolHome } from './home.ts'
import { ended } from './refusals.ts'
import { deliver, isCallback } from './surface.ts'

type Callback = (error: unknown, client?: PgClient, release?: PgClient['release']) => void

/** How long end() waits for clients that are out. */
const endMs = 10_000

/** A pool for libraries that want pg's own: `instanceof pg.Pool`, over the lanes of the database. */
export function createPgPool(home: PgPoolHome): Pool {
  adoptPool()
  // What pg's types promise is this class; the prototype makes `instanceof` true.
  return new PgPool(home) as unknown as Pool
}

/** pg's pool is never constructed: only its prototype stands behind ours, as `instanceof` asks. */
function adoptPool(): void {
  const { prototype } = loadPg().Pool
  if (Object.getPrototypeOf(PgPool.prototype) !== prototype) Object.setPrototypeOf(PgPool.prototype, prototype)
}

class PgPool extends EventEmitter {
  readonly #home: PgPoolHome
  /** Connections announced by `connect`, with the resets they had then. */
  readonly #known = new WeakMap<Connection, number>()
  readonly #out: PgClient[] = []
  readonly options: { readonly max: number }
  readonly Client: unknown = loadPg().Client
  #ending: Promise<void> | undefined
  #whenBack: () => void = () => undefined

  constructor(home: PgPoolHome) {
    super()
    this.#home = home
    this.options = { max: home.counts().max }
  }

  get totalCount(): number {
    return this.#home.counts().total
  }

  get idleCount(): number {
    return this.#home.counts().idle
  }

  get waitingCount(): number {
    return this.#home.counts().waiting
  }

  get ending(): boolean {
    return this.#ending !== undefined
  }

  get ended(): boolean {
    return this.#ending !== undefined && this.#out.length === 0
  }

  query(config: unknown, values?: unknown, callback?: unknown): unknown {
    const done = [callback, values].find(isCallback)
    const work = this.#query(config, Array.isArray(values) ? values : undefined)
    return done ? deliver(work, done) : work
  }

  connect(callback?: Callback): Promise<PgClient> | undefined {
    const work = this.#connect()
    if (!callback) return work
    work.then(
      (client) => callback(undefined, client, client.release),
      (error: unknown) => callback(error, undefined, () => undefined),
    )
    return undefined
  }

  /**
   * Ends this view: clients that are out may finish within 10 s, unless their connection is gone. The database stays
   * open, and closes by `db.close()`.
   */
  end(callback?: (error?: unknown) => void): Promise<void> | undefined {
    this.#ending ??= this.#untilBack()
    if (!callback) return this.#ending
    this.#ending.then(() => callback(), callback)
    return undefined
  }

  async #connect(): Promise<PgClient> {
    const holder = { name: 'pgPool client', site: captureHolder() }
    const holding = this.#home.enterHolding(holder)
    const client = await this.#checkOut(holder, () => holding.end()).catch((error: unknown) => {
      holding.end()
      throw error
    })
    holding.begin()
    return client
  }

  async #query(config: unknown, values: unknown): Promise<unknown> {
    const client = await this.#checkOut({ name: 'pgPool client', site: captureHolder() })
    try {
      return await client.query(config, values)
    } finally {
      client.release()
    }
  }

  async #checkOut(holder: Holder, whenBack?: () => void): Promise<PgClient> {
    if (this.#ending) throw ended()
    this.#home.refuseInside()
    const acquire = (): Promise<Connection> => this.#home.acquire(holder)
    const connection = await acquire()
    const client = new PgClient(this.#home, connection, {
      acquire,
      whenLost: () => this.#whenBack(),
      greet: (...both) => this.#greet(...both),
      whenReleased: (...both) => {
        whenBack?.()
        this.#takeBack(...both)
      },
    })
    this.#out.push(client)
    this.#greet(connection, client)
    this.emit('acquire', client)
    return client
  }

  #takeBack(error: unknown, client: PgClient): void {
    removeFrom(this.#out, client)
    this.emit('release', error, client)
    if (client.isRemoved) this.emit('remove', client)
    this.#whenBack()
  }

  /** Listeners to `connect` set up each connection once while it is new, before anybody else speaks on it. */
  #greet(connection: Connection, client: PgClient): void {
    if (this.#known.get(connection) === connection.resets) return
    this.#known.set(connection, connection.resets)
    client.prepare(() => this.emit('connect', client))
  }

  async #untilBack(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#whenBack = () => {
      // One that was released is still being cleaned up, and comes back by itself.
      if (this.#out.every(({ isRemoved, isReleased }) => isRemoved && !isReleased)) resolve()
    }
    this.#whenBack()
    const timer = setTimeout(resolve, endMs)
    await promise
    clearTimeout(timer)
    for (const client of [...this.#out]) if (!client.isReleased) client.release(true)
  }
}
