import type { Database } from 'plinth'
import { type Catalog, loadCatalog } from 'plinth/operation'
import { Refusal } from './refusal.ts'

/**
 * After a reload for an unknown name the next one waits this many times as long as the reload took, or whoever asks for
 * names that do not exist could keep the database busy: so at most about a tenth of one connection.
 */
const REST_IN_LOADS = 10

export interface SearchedSchemas {
  readonly schemas: readonly string[]
  readonly extraSearchPath: readonly string[]
}

/**
 * The catalog as last read. A name it does not know is looked for once more in a newer one; a name it knows and
 * PostgreSQL does not makes it outdated.
 */
export class SchemaCache {
  readonly #database: Database
  readonly #searched: SearchedSchemas
  readonly #now: () => number
  #catalog: Catalog | undefined
  #loading: Promise<Catalog> | undefined
  #restUntil = 0

  constructor(database: Database, searched: SearchedSchemas, now: () => number = () => performance.now()) {
    this.#database = database
    this.#searched = searched
    this.#now = now
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
    this.#catalog = await this.#database.transaction((tx) => loadCatalog(tx, schemas, extraSearchPath), options)
    return this.#catalog
  }

  /** Runs `look` on the catalog; when it refuses an unknown name, reloads and runs it once more. */
  async lookUp<R>(look: (catalog: Catalog) => R): Promise<R> {
    const catalog = this.#catalog ?? (await this.reload())
    try {
      return look(catalog)
    } catch (error) {
      const isUnknown = error instanceof Refusal && error.isUnknownName
      const newer = isUnknown ? await this.#reloadRested() : undefined
      if (newer === undefined) throw error
      return look(newer)
    }
  }

  /** PostgreSQL did not find a name that the catalog gave; the next request is to see a newer catalog. */
  async noteOutdated(): Promise<void> {
    // Without a newer catalog the old one stays, and the next such request tries again.
    await this.#reloadRested().catch(() => undefined)
  }

  /** Whoever finds a reading under way shares it; one that would begin too soon is left out. */
  async #reloadRested(): Promise<Catalog | undefined> {
    if (this.#loading !== undefined) return await this.#loading
    const startedAt = this.#now()
    if (startedAt < this.#restUntil) return undefined
    const catalog = await this.reload()
    const endedAt = this.#now()
    this.#restUntil = endedAt + REST_IN_LOADS * (endedAt - startedAt)
    return catalog
  }
}
