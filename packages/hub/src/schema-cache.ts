import type { Queryable } from 'plinth'
import { type Catalog, loadCatalog } from 'plinth/operation'
import { Refusal } from './refusal.ts'

/**
 * A catalog younger than this many times its own loading time is not read again for an unknown name, or whoever asks
 * for names that do not exist could keep the database busy: so at most a tenth of one connection.
 */
const MIN_AGE_IN_LOADS = 10

/** The catalog as last read. A name it does not know is looked for once more in a newer one. */
export class SchemaCache {
  readonly #database: Queryable
  readonly #schemas: readonly string[]
  readonly #now: () => number
  #catalog: Catalog | undefined
  #loading: Promise<Catalog> | undefined
  #freshUntil = 0

  constructor(database: Queryable, schemas: readonly string[], now: () => number = () => performance.now()) {
    this.#database = database
    this.#schemas = schemas
    this.#now = now
  }

  get isLoaded(): boolean {
    return this.#catalog !== undefined
  }

  /** Reads the catalog anew; callers at the same time share one reading. */
  reload(): Promise<Catalog> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #load(): Promise<Catalog> {
    const startedAt = this.#now()
    this.#catalog = await loadCatalog(this.#database, this.#schemas)
    this.#freshUntil = startedAt + MIN_AGE_IN_LOADS * (this.#now() - startedAt)
    return this.#catalog
  }

  /** Runs `look` on the catalog; when it refuses an unknown name, reloads and runs it once more. */
  async lookUp<R>(look: (catalog: Catalog) => R): Promise<R> {
    const catalog = this.#catalog ?? (await this.reload())
    try {
      return look(catalog)
    } catch (error) {
      if (!(error instanceof Refusal && error.isUnknownName) || this.#now() < this.#freshUntil) throw error
      return look(await this.reload())
    }
  }
}
