export interface Timer {
  readonly passed: Promise<void>
  clear(): void
}

/** `passed` resolves after `ms`, unless cleared before. */
export function startTimer(ms: number): Timer {
  const { promise, resolve } = Promise.withResolvers<void>()
  const handle = setTimeout(resolve, ms)
  return { passed: promise, clear: () => clearTimeout(handle) }
}

/** Once begun looks every `everyMs`, for as long as `look` answers true. Keeps no process alive. */
export class RepeatedLook {
  readonly #everyMs: number
  readonly #look: () => boolean
  #timer: NodeJS.Timeout | undefined

  constructor(everyMs: number, look: () => boolean) {
    this.#everyMs = everyMs
    this.#look = look
  }

  begin(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (this.#look()) this.begin()
    }, this.#everyMs).unref()
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
