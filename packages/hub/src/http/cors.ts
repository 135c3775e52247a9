import type { Dialect } from '../dialect.ts'
import type { HubRequest, Reply } from './exchange.ts'

const methods = 'GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD'
const alwaysSent = ['Accept', 'Accept-Language', 'Content-Language']
const exposed = [
  ...['Content-Encoding', 'Content-Location', 'Content-Range', 'Content-Type', 'Date', 'Location', 'Server'],
  ...['Transfer-Encoding', 'Range-Unit'],
].join(', ')

/** What a browser asks before a request of another site; undefined where the request is no such question. */
export function preflightReply({ method, headers }: HubRequest, dialect: Dialect): Reply | undefined {
  const origin = headers.get('origin')
  if (method !== 'OPTIONS' || origin === undefined || !headers.has('access-control-request-method')) return undefined
  const allowed = allowedOrigin(origin, dialect)
  if (allowed === undefined) return undefined
  const asked = (headers.get('access-control-request-headers') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => /^[\w-]+$/.test(name))
  const sent = ['Authorization', ...asked, ...alwaysSent].join(', ')
  return {
    status: 200,
    headers: {
      ...allowed,
      'access-control-allow-methods': methods,
      'access-control-allow-headers': sent,
      'access-control-max-age': '86400',
    },
    body: '',
  }
}

/** Headers by which a browser lets a page of another site read the answer. */
export function corsHeaders({ headers }: HubRequest, dialect: Dialect): Readonly<Record<string, string>> {
  const origin = headers.get('origin')
  const allowed = origin === undefined ? undefined : allowedOrigin(origin, dialect)
  return allowed === undefined ? {} : { ...allowed, 'access-control-expose-headers': exposed }
}

/** With a list, only its sites, and they may send cookies. */
function allowedOrigin(origin: string, { corsOrigins }: Dialect): Readonly<Record<string, string>> | undefined {
  if (corsOrigins === undefined) return { 'access-control-allow-origin': '*' }
  if (!corsOrigins.includes(origin)) return undefined
  return { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' }
}
