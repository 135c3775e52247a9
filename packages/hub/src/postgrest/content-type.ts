import { contentTypeRefused } from './refusals.ts'

/** What a request's body is made of. */
export type ContentType = 'json' | 'csv' | 'form' | 'text' | 'xml' | 'bytes'

const types: ReadonlyMap<string, ContentType> = new Map([
  ['application/json', 'json'],
  ['text/csv', 'csv'],
  ['application/x-www-form-urlencoded', 'form'],
  ['text/plain', 'text'],
  ['text/xml', 'xml'],
  ['application/octet-stream', 'bytes'],
])

/**
 * Reads Content-Type; none is JSON. Two of them, or another character set, are refused: parsers that disagree about a
 * body are a known hole.
 */
export function readContentType(header: string | undefined, isPostgrest: boolean): ContentType {
  if (header === undefined) return 'json'
  const [name = '', ...parameters] = header.split(';').map((part) => part.trim().toLowerCase())
  const type = types.get(name)
  const charset = parameters.find((parameter) => parameter.startsWith('charset'))
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset)
  // PostgREST looks at no parameter; a hub of our own takes none but the one it knows.
  const isRead = isPostgrest || parameters.length === (charset === undefined ? 0 : 1)
  if (type === undefined || !isUtf8 || !isRead) throw contentTypeRefused(header, isPostgrest)
  return type
}

/** The one type that a client of operations sends. */
export function checkJson(header: string | undefined): void {
  if (readContentType(header, false) !== 'json') throw contentTypeRefused(header ?? '', false)
}
