import { PlinthError } from '../errors.ts'
import type { Value } from '../operation/value.ts'
import type { Parameter } from './exchange.ts'

/** Turns a value into what is bound: text PostgreSQL parses by the parameter's type, or bytes for bytea. */
export function toParameter(value: Value | undefined, position: number): Parameter {
  if (value === null) return null
  if (value === undefined) {
    throw new PlinthError('InvalidOperation', `Value $${position} is undefined. For SQL NULL give null.`)
  }
  // pg sends a Buffer as bytes and takes any other Uint8Array for text.
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return toText(value, position)
}

function toText(value: Exclude<Value, null>, position: number): string {
  switch (typeof value) {
    case 'string':
      return wellFormed(value, position)
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'object':
      return objectToText(value, position)
    default:
      throw new PlinthError(
        'InvalidOperation',
        `Value $${position} is a ${typeof value}, which no PostgreSQL type takes.`,
      )
  }
}

function objectToText(value: object & Value, position: number): string {
  if (value instanceof Date) return dateToText(value, position)
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value))
    return `{${Array.from(value, (item: Value | undefined) => elementToText(item, position)).join(',')}}`
  return jsonToText(value, position)
}

function jsonToText(value: object, position: number): string {
  try {
    const text: unknown = JSON.stringify(value)
    if (typeof text === 'string') return text
  } catch (cause) {
    throw new PlinthError('InvalidOperation', `Value $${position} is an object that JSON cannot hold.`, { cause })
  }
  throw new PlinthError('InvalidOperation', `Value $${position} is an object that has no JSON.`)
}

/** PostgreSQL's array text: everything quoted but NULL and nested arrays, so no element can end the list. */
function elementToText(item: Value | undefined, position: number): string {
  if (item === null) return 'NULL'
  if (item === undefined) {
    throw new PlinthError('InvalidOperation', `The list $${position} holds undefined. For SQL NULL give null.`)
  }
  const text = toText(item, position)
  return Array.isArray(item) ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

/** ISO text in UTC, but for the years that ISO 8601 writes with a sign, which PostgreSQL does not read. */
function dateToText(date: Date, position: number): string {
  if (Number.isNaN(date.getTime())) throw new PlinthError('InvalidOperation', `Value $${position} is an invalid Date.`)
  const year = date.getUTCFullYear()
  const rest = date.toISOString().replace(/^([+-]\d{6}|\d{4})/, '')
  return year > 0 ? `${String(year).padStart(4, '0')}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`
}

/** UTF-8 has no lone surrogates: encoding one would store U+FFFD in its place without a word. */
function wellFormed(text: string, position: number): string {
  if (text.isWellFormed()) return text
  throw new PlinthError('InvalidOperation', `Value $${position} holds a lone surrogate, which UTF-8 cannot carry.`)
}
