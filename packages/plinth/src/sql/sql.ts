import { PlinthError } from '../errors.ts'
import type { Value } from '../operation/value.ts'

const fragments: unique symbol = Symbol('sql fragments')

/** SQL text with its bound values, made by the `sql` template. */
export interface Sql {
  readonly text: string
  readonly values: readonly Value[]
  /** Branded, so that text and values put together by hand are not taken for a template's. */
  readonly [fragments]: readonly (string | Parameter)[]
}

interface Parameter {
  readonly value: Value
}

function template(strings: TemplateStringsArray, ...values: readonly (Value | Sql)[]): Sql {
  const parts: (string | Parameter)[] = []
  strings.forEach((text, i) => {
    parts.push(text)
    if (i >= values.length) return
    const value = values[i]
    if (value === undefined)
      throw new PlinthError(
        'InvalidOperation',
        `Value ${i + 1} of a sql template is undefined. For SQL NULL give null.`,
      )
    if (isSql(value)) parts.push(...value[fragments])
    else parts.push({ value })
  })
  return assemble(parts)
}

// A function's own `name` is read-only until it is made writable; without this the assignment below throws.
Object.defineProperty(template, 'name', { writable: true })

/**
 * Writes SQL with its values in place; each value is bound, never pasted. A nested `sql` is spliced in, with its
 * parameters numbered anew.
 *
 *     sql`select * from users where name = ${name} and ${filter}`   →   select * from users where name = $1 and …
 */
export const sql: {
  (strings: TemplateStringsArray, ...values: readonly (Value | Sql)[]): Sql
  /** A name quoted as an identifier: `sql.name('public', 'user')` is `"public"."user"`. */
  name(...path: readonly string[]): Sql
} = Object.assign(template, { name: (...path: readonly string[]) => assemble([path.map(quoteName).join('.')]) })

export function isSql(value: unknown): value is Sql {
  return typeof value === 'object' && value !== null && fragments in value
}

/** Quotes a name for SQL text. PostgreSQL cannot hold U+0000 in a name and cuts at 63 bytes; both are refused here. */
export function quoteName(name: string): string {
  if (name === '' || name.includes('\0') || !name.isWellFormed()) {
    throw new PlinthError(
      'InvalidOperation',
      `${JSON.stringify(name)} cannot be the name of a table, column or function.`,
    )
  }
  // A UTF-16 unit takes three bytes at most: a name this short needs no counting.
  if (name.length > 21 && new TextEncoder().encode(name).length > 63) {
    throw new PlinthError(
      'InvalidOperation',
      `The name ${JSON.stringify(name.slice(0, 40))}… is longer than PostgreSQL's 63 bytes.`,
    )
  }
  return `"${name.replaceAll('"', '""')}"`
}

function assemble(parts: readonly (string | Parameter)[]): Sql {
  const values: Value[] = []
  let text = ''
  for (const part of parts) text += typeof part === 'string' ? part : `$${values.push(part.value)}`
  return { text, values, [fragments]: parts }
}
