import { createServer } from 'node:http'
import { type Database, readiness } from 'plinth'
import type { Listening } from '../server.ts'
import { listenOn } from '../server.ts'

export interface AdminOptions {
  /** Default 127.0.0.1: the admin port asks for no credential. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
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
 *
 * What is not ready is answered 503 with Retry-After.
 */
export async function startAdmin(
  { host = '127.0.0.1', port }: AdminOptions,
  database: Database,
  isCatalogRead: () => boolean,
): Promise<Listening> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0] ?? ''
    void answer(path, database, isCatalogRead).then(({ status, headers = {}, body }) => {
      response.writeHead(status, { ...headers, 'content-type': 'application/json; charset=utf-8' })
      response.end(JSON.stringify(body))
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

async function answer(path: string, database: Database, isCatalogRead: () => boolean): Promise<Answer> {
  if (path === '/live') return { status: 200, body: { status: 'up' } }
  if (path !== '/ready' && path !== '/health') return { status: 404, body: { status: 'not found' } }
  const ready = await readiness(database)
  const isRead = isCatalogRead()
  const catalog = { name: 'catalog', status: isRead ? 'pass' : 'fail' }
  // Of the same probe: within 2 s health() gives it again.
  const told = path === '/ready' ? ready.body : await database.health()
  const body = { ...told, status: isRead ? told.status : 'down', checks: [...told.checks, catalog] }
  return { status: isRead ? ready.status : 503, headers: ready.headers, body }
}
