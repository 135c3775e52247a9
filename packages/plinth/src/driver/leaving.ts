import type { Connection } from './connection.ts'

/** Connections that say goodbye to the server. Each leaves when that has hung up, after a second at the latest. */
export class Leaving {
  readonly #leaving = new Set<Promise<void>>()

  /** Nothing may be in flight on it. */
  add(connection: Connection): void {
    const gone = connection.close().finally(() => this.#leaving.delete(gone))
    this.#leaving.add(gone)
  }

  /** Resolves when those added so far are gone. */
  async done(): Promise<void> {
    await Promise.all(this.#leaving)
  }
}
