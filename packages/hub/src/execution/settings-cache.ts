import type { Queryable } from 'plinth'
import { loadSettingsUse, type SettingsUse } from 'plinth/operation'

/** A policy made meanwhile goes without its claims, and so lets nothing pass, for this long at most. */
const freshMs = 10_000

/** What the database does with settings, looked at again every ten seconds while requests come. */
export class SettingsCache {
  readonly #database: Queryable
  readonly #now: () => number
  #use: SettingsUse | undefined
  #loading: Promise<SettingsUse> | undefined
  #looksAt = 0

  constructor(database: Queryable, now: () => number = () => performance.now()) {
    this.#database = database
    this.#now = now
  }

  /** Waits for the first look alone. */
  async get(): Promise<SettingsUse> {
    if (this.#use === undefined) return await this.reload()
    // The old one stays where a newer one cannot be had.
    if (this.#now() > this.#looksAt) this.reload().catch(() => undefined)
    return this.#use
  }

  /** Callers at the same time share one look. */
  reload(): Promise<SettingsUse> {
    this.#looksAt = this.#now() + freshMs
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #load(): Promise<SettingsUse> {
    this.#use = await loadSettingsUse(this.#database)
    return this.#use
  }
}
