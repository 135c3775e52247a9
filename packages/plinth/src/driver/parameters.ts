import { PlinthError } from '../errors.ts'
import type { Value } from '../operation/value.ts'
import type { Parameter } from './exchange.ts'

/** Turns a value into what is bound: text PostgreSQL parses by the parameter's type, or bytes for bytea. */
export function toParameter(value: Value | undefined, position: number): Parameter {
  if (value === null) return null
  if (value === undefined) {
    throw new PlinthError('InvalidOperation', `Value $${position} is undefined. For SQL NULL give null.`)
  }
  if (value instanceof Uint8Array) return value
  return toText(value, position)
}

function toText(value: Exclude<Value, null>, position: number): string {
  switch (typeof value) {
    case 'string':
      return wellFormed(value, position)
    case 'number':
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
    return `{${value.map((item: Value | undefined) => elementToText(item, position)).join(',')}}`
  return wellFormed(JSON.stringify(value), position)
}

/** PostgreSQL's array text: everything quoted but NULL and nested arrays, so no element can end the list. */
function elementToText(item: Value | undefined, position: number): string {
  if (item === null || item === undefined) return 'NULL'
  const text = toText(item, position)
  return Array.isArray(item) ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

function dateToText(date: Date, position: number): string {
  if (Number.isNaN(date.getTime())) throw new PlinthError('InvalidOperation', `Value $${position} is an invalid Date.`)
  return date.toISOString()
}

/** UTF-8 has no lone surrogates: encoding one would store U+FFFD in its place without a word. */
function wellFormed(text: string, position: number): string {
  if (text.isWellFormed()) return text
  throw new PlinthError('InvalidOperation', `Value $${position} holds a lone surrogate, which UTF-8 cannot carry.`)
}
