import { setTimeout as sleep } from 'node:timers/promises'
import { type Database, isPlinthError } from 'plinth'
import { type Catalog, loadCatalog } from 'plinth/operation'
import { Refusal } from '../refusal.ts'

/**
 * After a reload for an unknown name the next one waits this many times as long as the reload took, or whoever asks for
 * names that do not exist could keep the database busy: so at most about a tenth of one connection.
 */
const REST_IN_LOADS = 10

/** Between two readings because of notices, and as long as one took: a storm of them takes half a connection. */
const REST_MS = 100
/** The same after readings that failed, doubled each time. */
const LONGEST_REST_MS = 30_000

export interface SearchedSchemas {
  readonly schemas: readonly string[]
  readonly extraSearchPath: readonly string[]
}

export interface Hearers {
  /** Told of each reading after a change that failed; it is tried again. */
  readonly onFault: (error: unknown) => void
  /** Awaited with each reading: what else is known of the database may be out of date too. */
  readonly onRead: () => Promise<void>
}

/**
 * The catalog as last read. A name it does not know is looked for once more in a newer one; a name it knows and
 * PostgreSQL does not makes it outdated.
 */
export class SchemaCache {
  readonly #database: Database
  readonly #searched: SearchedSchemas
  readonly #hears: Hearers
  #catalog: Catalog | undefined
  #loading: Promise<Catalog> | undefined
  #restUntil = 0
  #isBehind = false
  #isFollowing = false

  constructor(database: Database, searched: SearchedSchemas, hears: Hearers) {
    this.#database = database
    this.#searched = searched
    this.#hears = hears
  }

  get isLoaded(): boolean {
    return this.#catalog !== undefined
  }

  /** As last read. */
  get current(): Catalog | undefined {
    return this.#catalog
  }

  /** Reads the catalog anew; callers at the same time share one reading. */
  reload(): Promise<Catalog> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  /** On a connection of its own: on a shared lane the requests behind it would wait. */
  async #load(): Promise<Catalog> {
    const { schemas, extraSearchPath } = this.#searched
    const options = { name: 'read the catalog', isolation: 'repeatable read' } as const
    const catalog = await this.#database.transaction((tx) => loadCatalog(tx, schemas, extraSearchPath), options)
    this.#catalog = catalog
    await this.#hears.onRead()
    return catalog
  }

  /** Runs `look` on the catalog; when it refuses an unknown name, reloads and runs it once more. */
  async lookUp<R>(look: (catalog: Catalog) => R): Promise<R> {
    const catalog = this.#catalog ?? (await this.reload().catch(refuseUnread))
    try {
      return look(catalog)
    } catch (error) {
      const isUnknown = error instanceof Refusal && error.isUnknownName
      const newer = isUnknown ? await this.#reloadRested() : undefined
      if (newer === undefined) throw error
      return look(newer)
    }
  }

  /**
   * The database has changed, or may have: reads the catalog until a reading has begun after the last such word. Words
   * that come meanwhile are joined, and requests go on with the old catalog.
   */
  noteChanged(): void {
    this.#isBehind = true
    if (!this.#isFollowing) void this.#follow()
  }

  async #follow(): Promise<void> {
    this.#isFollowing = true
    let restMs = REST_MS
    while (this.#isBehind) {
      const startedAt = performance.now()
      const isRead = await this.#readAfterNow()
      restMs = isRead ? Math.max(REST_MS, performance.now() - startedAt) : Math.min(LONGEST_REST_MS, restMs * 2)
      await sleep(restMs, undefined, { ref: false })
    }
    this.#isFollowing = false
  }

  /** A reading that is under way may have begun before the change. */
  async #readAfterNow(): Promise<boolean> {
    await this.#loading?.catch(() => undefined)
    this.#isBehind = false
    try {
      await this.reload()
    } catch (error) {
      const isClosed = isPlinthError(error) && error.code === 'DatabaseClosed'
      if (!isClosed) this.#hears.onFault(error)
      this.#isBehind = !isClosed
      return false
    }
    return true
  }

  /** PostgreSQL did not find a name that the catalog gave; the next request is to see a newer catalog. */
  async noteOutdated(): Promise<void> {
    // Without a newer catalog the old one stays, and the next such request tries again.
    await this.#reloadRested().catch(() => undefined)
  }

  /** Whoever finds a reading under way shares it; one that would begin too soon is left out. */
  async #reloadRested(): Promise<Catalog | undefined> {
    if (this.#loading !== undefined) return await this.#loading
    const startedAt = performance.now()
    if (startedAt < this.#restUntil) return undefined
    const catalog = await this.reload()
    const endedAt = performance.now()
    this.#restUntil = endedAt + REST_IN_LOADS * (endedAt - startedAt)
    return catalog
  }
}

/** Nothing is known of the database yet, so no request can be answered; it is tried again with the next one. */
function refuseUnread(error: unknown): never {
  if (!isPlinthError(error)) throw error
  const message = 'Could not query the database for the schema cache. Retrying.'
  throw new Refusal(503, 'PGRST002', message, { code: error.code, headers: { 'retry-after': '1' } })
}
