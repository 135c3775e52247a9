import type { AnswerColumn } from '../operation/row-reader.ts'

/** One statement text on one connection. */
export interface Prepared {
  readonly name: string
  /** Known once the server has described it; from then on Parse and Describe are left out. */
  columns: readonly AnswerColumn[] | undefined
}

/** Above this length a text is likely made once (a long list of literals); keeping it would cost the server memory. */
const longestKeptText = 16_384

/**
 * The statements prepared on one connection, by text, least recently used first. At most `limit` are kept on the
 * server; evicted and failed ones are closed in front of the next statement.
 */
export class PreparedStatements {
  readonly #byText = new Map<string, Prepared>()
  readonly limit: number
  #toClose: string[] = []
  #made = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /**
   * The prepared form of `text`: known, new (to be parsed under its name), or undefined: run it unnamed. A text whose
   * Parse is still on its way is run unnamed too: should that Parse fail, its siblings in the pipeline would all fail
   * with 26000 for a fault that is not theirs.
   */
  find(text: string): Prepared | undefined {
    const known = this.#byText.get(text)
    if (known) {
      if (!known.columns) return undefined
      this.#byText.delete(text)
      this.#byText.set(text, known)
      return known
    }
    if (text.length > longestKeptText) return undefined
    this.#evict()
    // Each kept one is still on its way: in a burst of new texts the rest run unnamed.
    if (this.#byText.size >= this.limit) return undefined
    const prepared: Prepared = { name: `plinth_${++this.#made}`, columns: undefined }
    this.#byText.set(text, prepared)
    return prepared
  }

  /** Forgets a statement that failed before it was described, or that the server no longer accepts. */
  forget(text: string, prepared: Prepared): void {
    if (this.#byText.get(text) === prepared) this.#byText.delete(text)
    this.#toClose.push(prepared.name)
  }

  /** After DISCARD ALL the server has none. */
  clear(): void {
    this.#byText.clear()
    this.#toClose = []
  }

  takeClosing(): readonly string[] {
    if (this.#toClose.length === 0) return []
    const names = this.#toClose
    this.#toClose = []
    return names
  }

  #evict(): void {
    for (const [text, prepared] of this.#byText) {
      if (this.#byText.size < this.limit) return
      if (!prepared.columns) continue
      this.#byText.delete(text)
      this.#toClose.push(prepared.name)
    }
  }
}
