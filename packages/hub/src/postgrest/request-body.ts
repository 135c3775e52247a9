import type { Json } from 'plinth'
import type { Envelope } from './envelope.ts'
import { readContentType } from './content-type.ts'
import { parseCsv } from './csv.ts'
import { decodeText, parseJson } from './json.ts'
import { contentTypeRefused } from './refusals.ts'

/** The rows that a write of a table brings, as JSON; in a form and in CSV every value is text. */
export function readRows({ request, limits, dialect }: Envelope): Json {
  const header = request.headers.get('content-type')
  switch (readContentType(header, dialect.isPostgrest)) {
    case 'json':
      return parseJson(request.body, limits)
    case 'csv':
      return parseCsv(decodeText(request.body))
    case 'form':
      return Object.fromEntries(parseForm(request.body))
    default:
      throw contentTypeRefused(header ?? '', dialect.isPostgrest)
  }
}

export function parseForm(body: Uint8Array): URLSearchParams {
  return new URLSearchParams(decodeText(body))
}
