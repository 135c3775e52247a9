import type { Dialect } from '../dialect.ts'
import type { Form } from '../postgrest/asked.ts'
import { rangeRefused, unparsable } from '../postgrest/refusals.ts'

export interface Range {
  readonly offset: number
  readonly limit?: number
}

/**
 * Joins `limit=`, `offset=` and the Range header (`0-24`, GET only, RFC 9110) into one window. Of the two the narrower
 * holds. Numbers are read strictly: `limit=ten` is an error and never every row.
 */
export function parseRange(limit: string | undefined, offset: string | undefined, header: string | undefined): Range {
  const asked = { offset: wholeNumber('offset', offset) ?? 0, limit: wholeNumber('limit', limit) }
  const match = /^(\d{1,15})-(\d{0,15})$/.exec(header?.trim() ?? '')
  if (match === null) return window(asked.offset, asked.limit)
  const first = Number(match[1])
  const last = match[2] === '' ? undefined : Number(match[2])
  if (last !== undefined && last < first)
    throw rangeRefused('The lower boundary must be lower than or equal to the upper boundary in the Range header.')
  const start = Math.max(first, asked.offset)
  const ends = [
    ...(last === undefined ? [] : [last + 1]),
    ...(asked.limit === undefined ? [] : [asked.offset + asked.limit]),
  ]
  if (asked.limit === 0) return window(start, 0)
  const end = ends.length === 0 ? undefined : Math.min(...ends)
  if (end !== undefined && end <= start) throw rangeRefused('The limit and the Range header have no row in common.')
  return window(start, end === undefined ? undefined : end - start)
}

function window(offset: number, limit: number | undefined): Range {
  return limit === undefined ? { offset } : { offset, limit }
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  if (/^-\d{1,15}$/.test(text)) {
    const boundary = name === 'limit' ? 'Limit' : 'Offset'
    throw rangeRefused(`${boundary} should be greater than or equal to zero.`)
  }
  throw unparsable(`${name} (${text.slice(0, 200)})`, 0, 'expecting a whole number')
}

/** Our own hub says by 206 that its setting cut the rows; PostgREST says so only to whom asked for a count. */
export function limitedTo({ limit = Infinity }: Range, { maxRows, isPostgrest }: Dialect): Pick<Form, 'cutAt'> {
  return maxRows !== undefined && maxRows < limit && !isPostgrest ? { cutAt: maxRows } : {}
}

/** `0-24/3573458`; `*` stands for no row and for a total that was not asked for. */
export function contentRange(first: number, last: number, total: number | undefined): string {
  const rows = total !== 0 && first <= last ? `${first}-${last}` : '*'
  return `${rows}/${total ?? '*'}`
}
