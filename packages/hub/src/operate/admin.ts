import { createServer, type IncomingMessage } from 'node:http'
import { type Database, readiness } from 'plinth'
import type { Listening } from '../http/server.ts'
import { listenOn } from '../http/server.ts'
import { isLoopback } from './loopback.ts'

export interface AdminOptions {
  /** Default 127.0.0.1: the admin port asks for no credential. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
}

/** What the admin port can tell about the hub. */
export interface AdminSubject {
  readonly database: Database
  readonly isCatalogRead: () => boolean
  /** The settings, without a secret in them. */
  readonly config: () => object
  /** Undefined until the catalog was read. */
  readonly catalog: () => object | undefined
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: object
}

/**
 * | path | answers | asks |
 * |---|---|---|
 * | /live | 200 while the process runs | nothing |
 * | /ready | 200 when the database answers and takes writes and the catalog was read | a probe at most 2 s old |
 * | /health | the same, with all of `db.health()` | the same |
 * | /config | the settings, secrets masked; to this machine alone | nothing |
 * | /schema_cache | the catalog as it was last read; to this machine alone | nothing |
 *
 * What is not ready is answered 503 with Retry-After.
 */
export async function startAdmin(
  { host = '127.0.0.1', port }: AdminOptions,
  subject: AdminSubject,
): Promise<Listening> {
  const server = createServer((request, response) => {
    void answer(request, subject).then(({ status, headers = {}, body }) => {
      response.writeHead(status, { ...headers, 'content-type': 'application/json; charset=utf-8' })
      response.end(JSON.stringify(body, plainMaps))
    })
  })
  server.headersTimeout = 5_000
  server.requestTimeout = 5_000
  return {
    url: await listenOn(server, host, port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, subject: AdminSubject): Promise<Answer> {
  const path = request.url?.split('?', 1)[0] ?? ''
  switch (path) {
    case '/live':
      return { status: 200, body: { status: 'up' } }
    case '/ready':
    case '/health':
      return await health(subject, path === '/health')
    case '/config':
      return isNear(request) ? { status: 200, body: subject.config() } : notFromHere
    case '/schema_cache':
      return isNear(request) ? catalog(subject) : notFromHere
    default:
      return { status: 404, body: { status: 'not found' } }
  }
}

const notFromHere: Answer = { status: 403, body: { status: 'only for this machine' } }

/**
 * An admin port is often opened to the probes of an orchestrator, which is no reason to tell the inside to everybody.
 * The name that was called is looked at too, or a page in a browser could lead its own name here.
 */
function isNear({ socket, headers }: IncomingMessage): boolean {
  const called = URL.parse(`http://${headers.host ?? ''}`)?.hostname ?? ''
  return isLoopback(socket.remoteAddress ?? '') && isLoopback(called)
}

function catalog(subject: AdminSubject): Answer {
  const read = subject.catalog()
  return read === undefined
    ? { status: 503, headers: { 'retry-after': '5' }, body: { status: 'not read yet' } }
    : { status: 200, body: read }
}

async function health({ database, isCatalogRead }: AdminSubject, hasAll: boolean): Promise<Answer> {
  const ready = await readiness(database)
  const isRead = isCatalogRead()
  const check = { name: 'catalog', status: isRead ? 'pass' : 'fail' }
  // Of the same probe: within 2 s health() gives it again.
  const told = hasAll ? await database.health() : ready.body
  const body = { ...told, status: isRead ? told.status : 'down', checks: [...told.checks, check] }
  return { status: isRead ? ready.status : 503, headers: ready.headers, body }
}

function plainMaps(_name: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value)
  return value instanceof Set ? [...value] : value
}
