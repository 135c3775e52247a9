/** A request as the hub sees it, whatever carried it: Fastify's socket, a Fetch `Request`, a test. */
export interface HubRequest {
  readonly method: string
  /** Path and query, still percent-encoded. */
  readonly url: string
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}

/** Still percent-encoded, without the query. */
export function pathOf({ url }: HubRequest): string {
  return url.split('?', 1)[0] ?? ''
}

export interface Reply {
  readonly status: number
  /** By lower-case name; a list is as many headers. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** Empty for an answer without one. A large answer comes in pieces; one that fails on the way breaks off. */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>
}

/** A reply that is written whole, as every error is. */
export type TextReply = Reply & { readonly body: string }

/** Reads no more of the body than shows that it is larger than `maxBytes`; refusing it is the gate's. */
export async function fromFetch(request: Request, maxBytes: number): Promise<HubRequest> {
  const { pathname, search } = new URL(request.url)
  return {
    method: request.method,
    url: pathname + search,
    headers: new Map(request.headers),
    body: await readBody(request.body, maxBytes),
  }
}

/** The whole body, or the beginning of one that is longer than `maxBytes`, longer than that too. */
export async function readBody(body: AsyncIterable<Uint8Array> | null, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxBytes) break
  }
  return Buffer.concat(chunks)
}

/** A Fetch `Response` refuses a body, even an empty one, at these. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])

export function toFetch({ status, headers, body }: Reply): Response {
  const all = new Headers()
  for (const [name, values] of Object.entries(headers)) for (const value of [values].flat()) all.append(name, value)
  return new Response(bodiless.has(status) || body === '' ? null : fetchBody(body), { status, headers: all })
}

function fetchBody(body: Reply['body']): string | Uint8Array<ArrayBuffer> | ReadableStream {
  if (typeof body === 'string') return body
  return body instanceof Uint8Array ? new Uint8Array(body) : ReadableStream.from(body)
}
