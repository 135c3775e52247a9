import type { Queryable } from 'plinth'
import { loadSettingsUse, type SettingsUse } from 'plinth/operation'

/** Where no notice tells of a change, a policy made meanwhile goes without its claims for this long at most. */
const freshMs = 10_000

/** What the database does with settings: looked at with its catalog, and every ten seconds while requests come. */
export class SettingsCache {
  readonly #database: Queryable
  #use: SettingsUse | undefined
  #loading: Promise<SettingsUse> | undefined
  #looksAt = 0

  constructor(database: Queryable) {
    this.#database = database
  }

  /** Waits for the first look alone. */
  async get(): Promise<SettingsUse> {
    if (this.#use === undefined) return await this.#reload()
    // The old one stays where a newer one cannot be had.
    if (performance.now() > this.#looksAt) this.#reload().catch(() => undefined)
    return this.#use
  }

  /** Looks once more, since a look that is under way may have begun before the change. Never rejects. */
  async lookAgain(): Promise<void> {
    await this.#loading?.catch(() => undefined)
    await this.#reload().catch(() => undefined)
  }

  /** Callers at the same time share one look. */
  #reload(): Promise<SettingsUse> {
    this.#looksAt = performance.now() + freshMs
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
