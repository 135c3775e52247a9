import type { Json } from 'plinth'
import type { Limits } from '../limits.ts'
import type { Envelope } from './envelope.ts'
import { readContentType } from './content-type.ts'
import { parseCsv } from './csv.ts'
import { decodeText, parseJson } from './json.ts'
import { contentTypeRefused, invalidBody, tooMuch } from './refusals.ts'

/** The rows that a write of a table brings, as JSON; in a form and in CSV every value is text. */
export function readRows({ request, limits, dialect }: Envelope): Json {
  const header = request.headers.get('content-type')
  switch (readContentType(header, dialect.isPostgrest)) {
    case 'json':
      return parseJson(request.body, limits)
    case 'csv':
      return parseCsv(decodeText(request.body), limits)
    case 'form':
      return Object.fromEntries(parseForm(request.body, limits))
    default:
      throw contentTypeRefused(header ?? '', dialect.isPostgrest)
  }
}

/** Pairs as they come. Node's own URLSearchParams takes 9 s for a megabyte of names without a value (Node 24). */
export function parseForm(body: Uint8Array, limits: Limits): readonly (readonly [name: string, value: string])[] {
  const parts = decodeText(body).split('&')
  if (parts.length > limits.rows) throw tooMuch(`More than ${limits.rows} values in a form.`)
  return parts.flatMap((part) => {
    const at = part.indexOf('=')
    const name = at < 0 ? part : part.slice(0, at)
    return part === '' ? [] : [[decodeFormText(name), at < 0 ? '' : decodeFormText(part.slice(at + 1))]]
  })
}

function decodeFormText(text: string): string {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalidBody('The form is not percent-encoded UTF-8')
  }
}
