import { createServer } from 'node:http'
import type { Listening } from '../server.ts'
import { listenOn } from '../server.ts'

export interface AdminOptions {
  /** Default 127.0.0.1: the admin port asks for no credential. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
}

/** `/live`: the process answers. `/ready`: it can serve, the database is connected and the catalog read; else 503. */
export async function startAdmin(
  { host = '127.0.0.1', port }: AdminOptions,
  isReady: () => boolean,
): Promise<Listening> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0]
    const status = path === '/live' ? 200 : path === '/ready' ? (isReady() ? 200 : 503) : 404
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${words[status]}\n`)
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

const words: Readonly<Record<number, string>> = { 200: 'ok', 404: 'not found', 503: 'not ready' }
