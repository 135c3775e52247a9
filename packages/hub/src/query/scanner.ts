import type { Limits } from '../limits.ts'
import { tooMuch, unparsable } from '../postgrest/refusals.ts'

/** What one request may still ask for, over all its parameters together: aliases and flat lists multiply work too. */
export interface Budget {
  nodesLeft: number
  readonly limits: Limits
  /** What stands behind a whole `select` or logic tree is passed over, as PostgREST does; else it is a mistake. */
  readonly isLenient: boolean
}

export function createBudget(limits: Limits, isLenient = false): Budget {
  return { nodesLeft: limits.nodes, limits, isLenient }
}

/** Counts one condition, column or order term. */
export function spendNode(budget: Budget): void {
  budget.nodesLeft--
  if (budget.nodesLeft < 0) throw tooMuch(`More than ${budget.limits.nodes} columns, conditions and order terms.`)
}

const unquotedName = /[\p{L}\p{N}_$ ]+(?:-(?!>)[\p{L}\p{N}_$ ]+)*/uy

/** Reads one parameter from left to right. A mistake is PGRST100 with its place. */
export class Scanner {
  readonly #what: string
  readonly #text: string
  #at = 0

  /** `what` names the parameter in errors: `order`, `filter`; `head` is what stands before its text, from its name. */
  constructor(what: string, text: string, head = '') {
    this.#what = `${what} (${text.slice(0, 200)})`
    this.#text = head + text
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  get next(): string {
    return this.#text[this.#at] ?? ''
  }

  /** Steps over `literal` when it is next. */
  take(literal: string): boolean {
    if (!this.#text.startsWith(literal, this.#at)) return false
    this.#at += literal.length
    return true
  }

  /** Steps over what a sticky pattern matches here. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    this.#at += found?.length ?? 0
    return found
  }

  expect(literal: string): void {
    if (!this.take(literal)) this.fail(`"${literal}"`)
  }

  skipSpaces(): void {
    while (this.next === ' ' || this.next === '\t') this.#at++
  }

  /** A column or function name: letters, digits, `_ $ -` and inner spaces, or anything in double quotes. */
  name(expected = 'field name (* or [a..z0..9_$])'): string {
    return this.tryName() ?? this.fail(expected)
  }

  /** The same where there may be none; an unclosed quote is a mistake all the same. */
  tryName(): string | undefined {
    if (this.next === '"') return this.quoted()
    const name = this.match(unquotedName)?.trim()
    return name === '' ? undefined : name
  }

  /** A double-quoted value; a backslash takes the next character as it is. */
  quoted(): string {
    this.expect('"')
    let value = ''
    while (this.next !== '"') {
      if (this.next === '\\') this.#at++
      if (this.isAtEnd) this.fail('"\\""')
      value += this.next
      this.#at++
    }
    this.#at++
    return value
  }

  rest(): string {
    const rest = this.#text.slice(this.#at)
    this.#at = this.#text.length
    return rest
  }

  /** A place to come back to. */
  mark(): number {
    return this.#at
  }

  returnTo(mark: number): void {
    this.#at = mark
  }

  fail(expected: string): never {
    const found = this.isAtEnd
      ? 'end of input'
      : expected.endsWith('end of input')
        ? `'${this.next}'`
        : `"${this.next}"`
    throw unparsable(this.#what, this.#at, `unexpected ${found} expecting ${expected}`)
  }
}
