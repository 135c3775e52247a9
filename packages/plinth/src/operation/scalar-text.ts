import { PlinthError } from '../errors.ts'

/** JavaScript values that stand for one PostgreSQL value. */
export type Scalar = string | number | bigint | boolean | Date | Uint8Array

export function isScalar(value: unknown): value is Scalar {
  if (value instanceof Date || value instanceof Uint8Array) return true
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
}

/** The text PostgreSQL reads by the type it meets. `subject` names the value in an error: `"title"`, `Value $2`. */
export function scalarText(value: Scalar, subject: string): string {
  if (typeof value === 'string') return wellFormed(value, subject)
  if (value instanceof Date) return dateText(value, subject)
  if (value instanceof Uint8Array) return bytesText(value)
  return Object.is(value, -0) ? '-0' : String(value)
}

/** PostgreSQL holds neither U+0000 nor half of a surrogate pair; encoding would silently put U+FFFD in its place. */
export function wellFormed(text: string, subject: string): string {
  // With the SQLSTATE PostgreSQL would answer, so that a client of the hub sees no other code than from PostgREST.
  if (text.includes('\0')) throw invalid(`${subject} contains U+0000, which PostgreSQL cannot hold.`, '22021')
  if (!text.isWellFormed()) throw invalid(`${subject} contains a lone surrogate, which UTF-8 cannot hold.`)
  return text
}

/** ISO text in UTC, with PostgreSQL's form of the years that ISO 8601 writes with a sign. */
function dateText(date: Date, subject: string): string {
  if (Number.isNaN(date.getTime())) throw invalid(`${subject} is an invalid Date.`)
  const year = date.getUTCFullYear()
  const rest = date.toISOString().replace(/^([+-]\d{6}|\d{4})/, '')
  return year > 0 ? `${String(year).padStart(4, '0')}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function bytesText(bytes: Uint8Array): string {
  let text = '\\x'
  for (const byte of bytes) text += hex[byte]
  return text
}

function invalid(message: string, sqlstate?: string): PlinthError {
  return new PlinthError('InvalidOperation', message, sqlstate === undefined ? {} : { sqlstate })
}
