import { PlinthError } from '../errors.ts'
import { wholeMs } from './statement.ts'

/**
 * The time limit of one statement in a transaction: `set_config` would hold for those after it as well, so the
 * statement is cancelled from here.
 */
export class StatementLimit {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(given: number) {
    const timeoutMs = wholeMs(given)
    const message = `The statement did not end within ${timeoutMs} ms.`
    const error = new PlinthError('StatementTimeout', message, { phase: 'statement' })
    this.#timer = setTimeout(() => this.#controller.abort(error), timeoutMs).unref()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
