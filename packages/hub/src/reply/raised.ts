import { parseObject } from '../postgrest/json.ts'
import { raisedUnreadable } from '../postgrest/refusals.ts'
import type { ErrorAnswer } from '../refusal.ts'
import { isHeader } from './header.ts'

/**
 * The whole answer, said by a function that raises PGRST: code, message, details and hint as JSON in MESSAGE, status
 * and headers in DETAIL.
 */
export function raisedAnswer(message: string, detail: string | undefined): ErrorAnswer {
  const said = parseObject(message)
  if (said === undefined || typeof said['code'] !== 'string' || typeof said['message'] !== 'string')
    return raisedUnreadable(
      `Invalid JSON value for MESSAGE: '${message}'`,
      "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.",
    )
  if (detail === undefined) return raisedUnreadable('DETAIL is missing in the RAISE statement', detailHint)
  const head = parseObject(detail)
  const headers = head && headersOf(head['headers'])
  const status = Number(head?.['status'])
  if (headers === undefined || !Number.isInteger(status) || status < 200 || status > 599)
    return raisedUnreadable(`Invalid JSON value for DETAIL: '${detail}'`, detailHint)
  return {
    status,
    headers,
    body: {
      code: said['code'],
      message: said['message'],
      details: textOf(said['details']),
      hint: textOf(said['hint']),
    },
  }
}

const detailHint =
  "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function headersOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const headers = new Map<string, string>()
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string' || !isHeader(name, text)) return undefined
    headers.set(name.toLowerCase(), text)
  }
  return Object.fromEntries(headers)
}
