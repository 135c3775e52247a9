import { AsyncLocalStorage } from 'node:async_hooks'

/** By code that goes on behind a BEGIN. Those that are over leave when the next one enters. */
const around = new AsyncLocalStorage<readonly InnerTransaction[]>()

/**
 * A transaction that a library begins inside ours. While it is open, whatever does not belong to it waits: sent at
 * once it would be undone with it, although its own promise had resolved.
 */
export class InnerTransaction {
  readonly #ended = Promise.withResolvers<void>()
  #isOver = false

  /**
   * To be called in the turn of the caller, before any await: what follows in the caller's own function is then inside.
   * A BEGIN that a library sends from deeper within marks that depth alone, so not all that is inside is known to be.
   */
  enter(): void {
    const outer = around.getStore() ?? []
    around.enterWith([...outer.filter((one) => !one.#isOver), this])
  }

  /** True when the running code is known to be inside. */
  get isAround(): boolean {
    return !this.#isOver && (around.getStore()?.includes(this) ?? false)
  }

  /** Its end was sent: what follows waits for that, and not for itself. */
  leave(): void {
    this.#isOver = true
  }

  get ended(): Promise<void> {
    return this.#ended.promise
  }

  end(): void {
    this.#isOver = true
    this.#ended.resolve()
  }
}
