import type { Reply } from '../http/exchange.ts'
import { headersUnreadable, statusUnreadable } from '../postgrest/refusals.ts'
import { isHeader } from './header.ts'

/** What functions left in `response.headers` (JSON) and `response.status`. */
export interface Said {
  readonly headers?: string
  readonly status?: string
}

/** The reply with the head that a function of the database asked for in place of its own. */
export function withSaid(reply: Reply, said: Said | undefined): Reply {
  if (said === undefined) return reply
  return {
    ...reply,
    status: said.status === undefined ? reply.status : statusOf(said.status),
    headers: said.headers === undefined ? reply.headers : { ...reply.headers, ...headersOf(said.headers) },
  }
}

function statusOf(text: string): number {
  if (!/^[2-5]\d\d$/.test(text)) throw statusUnreadable()
  return Number(text)
}

/** `[{"Set-Cookie": "a=1"}, {"Set-Cookie": "b=2"}]`: the same name again is another header. */
function headersOf(text: string): Reply['headers'] {
  const headers = new Map<string, string | readonly string[]>()
  for (const entry of listOf(text)) {
    const [name, value] = headerOf(entry)
    const earlier = headers.get(name)
    headers.set(name, earlier === undefined ? value : [earlier, value].flat())
  }
  return Object.fromEntries(headers)
}

function listOf(text: string): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list)) return list
  } catch {
    throw headersUnreadable()
  }
  throw headersUnreadable()
}

function headerOf(entry: unknown): readonly [name: string, value: string] {
  const pairs: readonly (readonly [string, unknown])[] =
    typeof entry === 'object' && entry !== null ? Object.entries(entry) : []
  const [[name, value] = ['', undefined], ...others] = pairs
  if (typeof value !== 'string' || others.length > 0 || !isHeader(name, value)) throw headersUnreadable()
  return [name.toLowerCase(), value]
}
