import type { Connection } from '../driver/connection.ts'
import { Leaving } from '../driver/leaving.ts'
import { closedError } from './availability-errors.ts'

/**
 * How long closing waits for a connection that is being opened: cut earlier, its backend would outlive the database.
 */
export const openingGraceMs = 1000

/** The connections that are being opened. Once the database closes nobody is given one. */
export class Openings {
  readonly #openConnection: (signal: AbortSignal) => Promise<Connection>
  readonly #cut = new AbortController()
  /** Each leaves when it is opened, or was not. As many as the pools may open, and the one of the probe. */
  readonly #opening = new Set<Promise<Connection>>()
  readonly #leaving = new Leaving()
  #isEnding = false

  constructor(openConnection: (signal: AbortSignal) => Promise<Connection>) {
    this.#openConnection = openConnection
  }

  open(): Promise<Connection> {
    const opening = this.#openUnlessEnding().finally(() => this.#opening.delete(opening))
    this.#opening.add(opening)
    return opening
  }

  /** Closes a connection that was opened for nobody. */
  giveUp(connection: Connection | undefined): void {
    if (connection) this.#leaving.add(connection)
  }

  /** Those being opened are closed when they are, or cut where the server is silent. */
  end(): void {
    this.#isEnding = true
    setTimeout(() => this.#cut.abort(), openingGraceMs).unref()
  }

  /** Resolves when none is being opened and those given up are gone. */
  async done(): Promise<void> {
    await Promise.allSettled(this.#opening)
    await this.#leaving.done()
  }

  async #openUnlessEnding(): Promise<Connection> {
    const connection = await this.#openConnection(this.#cut.signal)
    if (!this.#isEnding) return connection
    await connection.close()
    throw closedError()
  }
}
