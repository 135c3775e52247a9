import type { Json, Row } from './operation.ts'
import { isScalar, type Scalar, scalarText, wellFormed } from './scalar-text.ts'
import { invalidOperation } from './invalid-operation.ts'
import { type Column, columnOf, type Shape } from './shape.ts'

/** The text of a value in a condition; PostgreSQL reads it by the column's type. */
export function conditionText(value: unknown, name: string): string {
  if (value === undefined)
    throw invalidOperation(
      `The condition on ${JSON.stringify(name)} is undefined.`,
      'For SQL NULL give null; else leave the column out.',
    )
  if (Array.isArray(value))
    throw invalidOperation(`The condition on ${JSON.stringify(name)} is a list.`, 'Lists go under { in: [...] }.')
  if (!isScalar(value))
    throw invalidOperation(`The condition on ${JSON.stringify(name)} is ${named(value)}, not a single value.`)
  return scalarText(value, JSON.stringify(name))
}

/**
 * A row to write, by column name. A property that is undefined is left out, as JSON and Drizzle do: at an insert the
 * column gets its default, at an update it stays.
 */
export function encodeRow(shape: Shape, row: object): Row {
  if (!isPlain(row)) throw invalidOperation(`A row of ${shape.target.name} is ${named(row)}, not a plain object.`)
  const entries: [string, Json][] = []
  for (const [key, value] of Object.entries(row)) {
    const column = columnOf(shape, key)
    if (value !== undefined) entries.push([column.name, encodeValue(value, column.form, key)])
  }
  return Object.fromEntries(entries)
}

/** A value to write. The row travels as JSON, so only what JSON can hold unchanged is let through. */
export function encodeValue(value: unknown, form: Column['form'], name: string): Json {
  if (value === null) return null
  if (form === 'json') return jsonOf(value, name)
  if (Array.isArray(value)) {
    if (form === 'scalar') throw invalidOperation(`${JSON.stringify(name)} holds single values and is given a list.`)
    const items = form === 'json array' ? 'json' : form
    return value.map((item, i) => encodeValue(item, items, `${name}[${i}]`))
  }
  if (isScalar(value)) return scalarJson(value, form, name)
  if (form === 'open' && isPlain(value)) return jsonOf(value, name)
  throw invalidOperation(`${JSON.stringify(name)} is given ${named(value)}, which cannot be written.`)
}

function scalarJson(value: Scalar, form: Column['form'], name: string): Json {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'number') return scalarText(value, JSON.stringify(name))
  // NaN, Infinity and -0 have no JSON number. As text they reach a float column whole; where the column's type is not
  // known it may be json, and the text would stay text there.
  if (Number.isFinite(value) && !Object.is(value, -0)) return value
  if (form === 'open' && !Number.isFinite(value)) throw notInJson(value, name)
  return form === 'open' ? 0 : scalarText(value, JSON.stringify(name))
}

/** Checks a value for a json column: what is stored is exactly what is given. */
function jsonOf(value: unknown, name: string): Json {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return wellFormed(value, JSON.stringify(name))
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw notInJson(value, name)
  }
  if (Array.isArray(value)) return value.map((item, i) => jsonOf(item, `${name}[${i}]`))
  if (!isPlain(value)) throw notInJson(value, name)
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(
    entries.map(([key, item]) => [wellFormed(key, JSON.stringify(name)), jsonOf(item, `${name}.${key}`)]),
  )
}

function notInJson(value: unknown, name: string): Error {
  return invalidOperation(
    `${JSON.stringify(name)} is ${named(value)}, which JSON cannot hold.`,
    'Give the text you want stored; for a float column of a table known by name only, the text "NaN".',
  )
}

/** True for `{…}` and for objects without a prototype: what JSON makes. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** A value for a message, without showing what may be secret. */
function named(value: unknown): string {
  if (value === null || typeof value === 'number') return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  return Array.isArray(value) ? 'a list' : `an object (${value.constructor?.name ?? 'without a prototype'})`
}
