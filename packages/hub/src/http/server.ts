import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { PlinthError } from 'plinth'
import { followConnections } from 'plinth/operation'
import type { Handle } from '../handle.ts'
import type { Limits } from '../limits.ts'
import { sizeRefused } from '../postgrest/refusals.ts'
import { errorAnswer, errorReply } from '../reply/error-reply.ts'
import type { HubRequest, Reply, TextReply } from './exchange.ts'
import { bodyTooLarge, headersTooLarge } from './request-size.ts'

export interface Listening {
  /** `http://host:port` */
  readonly url: string
  close(deadlineMs: number): Promise<void>
}

/** The socket side: Fastify reads bytes under limits, `handle` does everything else. */
export async function startServer(handle: Handle, limits: Limits, host: string, port: number): Promise<Listening> {
  const app = createApp(handle, limits)
  const drain = followConnections(app.server)
  await app.ready()
  const url = await listenOn(app.server, host, port)
  return {
    url,
    close: async (deadlineMs) => {
      await drain(deadlineMs)
      await app.close()
    },
  }
}

function createApp(handle: Handle, limits: Limits): FastifyInstance {
  const latest = new WeakMap<Socket, ServerResponse>()
  const app = fastify({
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: 72_000,
    // Nothing sent or taken for this long: a client that does not read its answer would hold it in memory for ever.
    connectionTimeout: limits.requestTimeoutMs + limits.statementTimeoutMs,
    // A request on a kept connection while the hub closes is still answered.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    clientErrorHandler: (error, socket) => {
      whenTurnComes(socket, latest.get(socket), () => answerBrokenRequest(error, socket, limits))
    },
    // One route for every path, so that only `handle` decodes paths; the original stays in `originalUrl`.
    rewriteUrl: () => '/',
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
      // Node looks for late clients this often; its default of 30 s would stretch shorter limits.
      connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs, 4_000) / 2,
    },
  })
  app.server.on('request', ({ socket }, response) => latest.set(socket, response))
  // Bodies stay bytes: what is checked is then exactly what is parsed.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, _request, reply) => {
    const failed = failureReply(error, limits)
    void begin(reply, failed).send(failed.body)
  })
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const answered = await handle(readSocketRequest(request))
    const { body, headers } = answered
    // Fastify calls an empty text text/plain.
    return begin(reply, answered).send(body === '' ? undefined : payloadOf(body, headers['content-type']))
  }
  app.all('/', answer)
  // Methods Fastify has no route for.
  app.setNotFoundHandler(answer)
  return app
}

/** Of a large answer no more is held than its client is about to take. */
const onePiece = { highWaterMark: 1 }

/** Of bytes, at most; longer ones are not worth being decoded. */
const shortBody = 2048

/** A short body is one write with its head as text, and a chunk of its own as bytes: 42 and 46 µs, 2026-11. */
function payloadOf(body: Reply['body'], contentType: string | readonly string[] = ''): string | Uint8Array | Readable {
  if (typeof body === 'string') return body
  if (!(body instanceof Uint8Array)) return Readable.from(body, onePiece)
  return body.length > shortBody || !contentType.includes('json')
    ? body
    : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
}

function begin(reply: FastifyReply, { status, headers }: Reply): FastifyReply {
  reply.code(status)
  for (const [name, value] of Object.entries(headers)) reply.header(name, value)
  return reply
}

/** A client that takes the hub for its proxy sends the whole URL, and is to be answered: RFC 9112, section 3.2.2. */
const authority = /^https?:\/\/[^/?#]*/i

function readSocketRequest({ method, originalUrl, raw, body }: FastifyRequest): HubRequest {
  return {
    method,
    url: originalUrl.replace(authority, '') || '/',
    headers: headersOf(raw.rawHeaders),
    body: body instanceof Uint8Array ? body : new Uint8Array(),
  }
}

/** Repeated headers are joined by a comma as HTTP says, `Prefer` among them; two credentials are thereby no good. */
function headersOf(raw: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name, value] = [(raw[at] ?? '').toLowerCase(), raw[at + 1] ?? '']
    const earlier = headers.get(name)
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`)
  }
  return headers
}

function failureReply(error: unknown, limits: Limits): TextReply {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return errorReply(errorAnswer(bodyTooLarge(limits), true))
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return errorReply(errorAnswer(sizeRefused(415, 'Content-Type is no media type. Send application/json.'), true))
  return errorReply(errorAnswer(error, true))
}

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}

/**
 * An answer by hand goes behind those of the requests before it, or a client would take it for one of theirs: for that
 * of a write that is done. `latest` is the answer that was begun last on this connection.
 */
function whenTurnComes(socket: Socket, latest: ServerResponse | undefined, answer: () => void): void {
  if (latest === undefined || latest.writableFinished) answer()
  else if (latest.req.complete) {
    // More of what is broken would only be told again.
    socket.pause()
    latest.once('close', () => {
      answer()
      socket.resume()
    })
  }
  // The body of this one is what is broken: nobody else answers it.
  else if (latest.socket === socket && !latest.headersSent) answer()
  else socket.destroy()
}

/** What node:http could not read never becomes a request, so its answer is written to the socket by hand. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket, limits: Limits): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, body } = errorReply(errorAnswer(brokenRequest(error.code, limits), true))
  const lines = Object.entries({ ...headers, connection: 'close', 'content-length': String(Buffer.byteLength(body)) })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.end(`HTTP/1.1 ${status} ${reasons[status]}\r\n${head}\r\n${body}`)
}

function brokenRequest(code: string | undefined, limits: Limits): PlinthError {
  if (code === 'HPE_HEADER_OVERFLOW') return headersTooLarge(limits)
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return sizeRefused(408, 'The request did not arrive in time.')
  return sizeRefused(400, 'The request is not HTTP/1.1.')
}

/** Listens, or says what is in the way. */
export function listenOn(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: Error & { code?: string }) => {
      const isTaken = cause.code === 'EADDRINUSE'
      const message = isTaken ? `Port ${port} on ${host} is taken.` : `The hub cannot listen on ${host}:${port}.`
      const hint = isTaken
        ? 'Choose another with --port, or stop what listens there.'
        : 'Give an address of this machine.'
      reject(new PlinthError(isTaken ? 'PortInUse' : 'InvalidOption', message, { cause, hint }))
    })
    server.listen(port, host, () => {
      const address = server.address()
      const bound = typeof address === 'object' && address !== null ? address.port : port
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${bound}`)
    })
  })
}
