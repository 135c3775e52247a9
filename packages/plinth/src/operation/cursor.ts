import { PlinthError } from '../errors.ts'
import type { Order } from './operation.ts'

/** The texts of the ordering columns of the last row seen. */
export type CursorValues = readonly (string | null)[]

/**
 * A cursor holds PostgreSQL's text of the ordering columns, so it means the same in every runner. The order it was made
 * for goes with it: in another order it would silently skip rows. It is readable by whoever holds it.
 */
export function encodeCursor(order: readonly Order[], values: CursorValues): string {
  let bytes = ''
  for (const byte of new TextEncoder().encode(JSON.stringify([fingerprint(order), ...values])))
    bytes += String.fromCharCode(byte)
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/**
 * Throws InvalidValue for what is no cursor, or one of another order: a cursor comes from a client, which may send
 * anything.
 */
export function decodeCursor(order: readonly Order[], cursor: string): CursorValues {
  const [made, ...values] = parts(cursor)
  if (made !== fingerprint(order) || values.length !== order.length) throw notACursor()
  return values
}

function parts(cursor: string): CursorValues {
  try {
    const bytes = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    const parsed: unknown = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0))),
    )
    if (Array.isArray(parsed) && parsed.every(isCursorValue)) return parsed
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof TypeError || cause instanceof DOMException)) throw cause
  }
  throw notACursor()
}

function isCursorValue(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && !value.includes('\0') && value.isWellFormed())
}

function notACursor(): Error {
  return new PlinthError('InvalidValue', '`after` is not a cursor of this order.', {
    hint: 'Give `next` of the page before, asked for in the same order.',
  })
}

/** FNV-1a, 32 bits: tells orders apart by accident, not by attack. */
function fingerprint(order: readonly Order[]): string {
  const text = JSON.stringify(order.map(({ column, direction, nulls }) => [column, direction, nulls]))
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(36)
}
