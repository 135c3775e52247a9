import type { Condition } from '../operation/operation.ts'

/** SQL text and what its `$1`, `$2` … stand for. Every value is text: PostgreSQL reads it by the type it meets. */
export interface Statement {
  readonly text: string
  readonly values: readonly (string | null)[]
  /** By the place of a value, the condition it is of: with another value there the text stays the same. */
  readonly conditions: readonly (Condition | undefined)[]
}

/** Collects the values of one statement; the returned `$n` is the only thing of a value that enters the text. */
export type Bind = (value: string | null, condition?: Condition) => string

/** Writes one statement: `write` gets the binder and returns the text. */
export function statement(write: (bind: Bind) => string): Statement {
  const values: (string | null)[] = []
  const conditions: (Condition | undefined)[] = []
  const text = write((value, condition) => {
    conditions.push(condition)
    return `$${values.push(value)}`
  })
  return { text, values, conditions }
}
