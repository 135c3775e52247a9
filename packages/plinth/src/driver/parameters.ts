import { PlinthError } from '../errors.ts'
import { type ArrayItem, arrayText } from '../operation/array-text.ts'
import { isScalar, scalarText, wellFormed } from '../operation/scalar-text.ts'
import type { Value } from '../operation/value.ts'
import type { Parameter } from './message-writer.ts'

/** Turns a value into what is bound: text PostgreSQL parses by the parameter's type, or bytes for bytea. */
export function toParameter(value: Value | undefined, position: number): Parameter {
  // A copy: what is sent is what it holds now, although the statement may wait for its turn.
  if (value instanceof Uint8Array) return Buffer.from(value)
  const item = toItem(value, position)
  return item === null || typeof item === 'string' ? item : arrayText(item)
}

function toItem(value: Value | undefined, position: number): ArrayItem {
  if (value === null) return null
  if (value === undefined)
    throw new PlinthError('InvalidOperation', `Value $${position} is or holds undefined. For SQL NULL give null.`)
  if (isScalar(value)) return scalarText(value, `Value $${position}`)
  // Array.from, because map would leave holes as they are.
  if (Array.isArray(value)) return Array.from(value, (item: Value | undefined) => toItem(item, position))
  if (typeof value === 'object') return wellFormed(jsonText(value, position), `Value $${position}`)
  throw new PlinthError('InvalidOperation', `Value $${position} is a ${typeof value}, which no PostgreSQL type takes.`)
}

function jsonText(value: object, position: number): string {
  try {
    const text: unknown = JSON.stringify(value)
    if (typeof text === 'string') return text
  } catch (cause) {
    throw new PlinthError('InvalidOperation', `Value $${position} is an object that JSON cannot hold.`, { cause })
  }
  throw new PlinthError('InvalidOperation', `Value $${position} is an object that has no JSON.`)
}
