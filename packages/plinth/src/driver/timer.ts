/** A longer time would overflow the timer, which then goes off after 1 ms. */
const longestMs = 2_147_483_647

/** `ms` as a timer takes it: 24.8 days at most. */
export function timerMs(ms: number): number {
  return Math.min(Math.max(0, ms), longestMs)
}

export interface Timer {
  readonly passed: Promise<void>
  clear(): void
}

/** `passed` resolves after `ms`, unless cleared before. */
export function startTimer(ms: number): Timer {
  const { promise, resolve } = Promise.withResolvers<void>()
  const handle = setTimeout(resolve, timerMs(ms))
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
