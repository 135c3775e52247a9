import type { EventEmitter } from 'node:events'

/**
 * What a server tells of itself at login, and in the answer after it changed (`in_hot_standby` and
 * `default_transaction_read_only`, PostgreSQL 14 and later). An older one tells nothing and counts as a primary. A
 * pooler tells what was true when it connected itself, so nothing is concluded from it about writes.
 */
export class ServerRole {
  readonly #listeners = new Set<() => void>()
  readonly #isPooled: boolean
  #isStandby = false
  #isSetReadOnly = false

  constructor(connection: EventEmitter, isPooled: boolean) {
    this.#isPooled = isPooled
    connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
      const wasReadOnly = this.isReadOnly
      if (parameterName === 'in_hot_standby') this.#isStandby = parameterValue === 'on'
      if (parameterName === 'default_transaction_read_only') this.#isSetReadOnly = parameterValue === 'on'
      if (this.isReadOnly && !wasReadOnly) for (const listener of this.#listeners) listener()
    })
  }

  get isStandby(): boolean {
    return this.#isStandby
  }

  /** Writes are refused (25006). */
  get isReadOnly(): boolean {
    return !this.#isPooled && (this.#isStandby || this.#isSetReadOnly)
  }

  /** Calls `listener` when an open connection comes to refuse writes, as after a reload of the settings. */
  onReadOnly(listener: () => void): void {
    this.#listeners.add(listener)
  }
}
