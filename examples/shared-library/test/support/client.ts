import { Agent, type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

/** One request, with a deadline; a connection that fails is an answer with status 0. */
export async function ask(url: string, method = 'GET', body?: unknown, cookie = ''): Promise<Answer> {
  const headers = { 'content-type': 'application/json', cookie }
  const signal = AbortSignal.timeout(120_000)
  const given = body === undefined ? {} : { body: JSON.stringify(body) }
  try {
    const response = await fetch(url, { method, headers, signal, ...given })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
  } catch {
    return { status: 0, headers: new Headers(), body: {} }
  }
}

export const post = (url: string, body: unknown, cookie?: string): Promise<Answer> => ask(url, 'POST', body, cookie)

export interface FollowedPost {
  /** As of `ask`. */
  readonly status: number
  readonly body: Answer['body']
}

const keptAlive = new Agent({ keepAlive: true })

/**
 * A POST whose client knows when the server has begun to read it: it sends the head with `Expect: 100-continue`, and
 * the body when the server, which has the head by then, asks for it. Then `onBegun` is called.
 */
export async function followedPost(
  url: string,
  body: unknown,
  cookie: string,
  onBegun: () => void,
): Promise<FollowedPost> {
  const text = JSON.stringify(body)
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    expect: '100-continue',
    cookie,
  }
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(url, { method: 'POST', headers, agent: keptAlive, signal: AbortSignal.timeout(120_000) })
      sent.once('continue', () => {
        onBegun()
        sent.end(text)
      })
      sent.once('response', resolve).once('error', reject)
      sent.flushHeaders()
    })
    return { status: response.statusCode ?? 0, body: (await json(response)) as Answer['body'] }
  } catch {
    return { status: 0, body: {} }
  }
}

export interface Traffic extends AsyncDisposable {
  /** The bodies of the answers with status 201. */
  readonly acknowledged: readonly Answer['body'][]
  /** How many answers had each status. */
  readonly statuses: ReadonlyMap<number, number>
  /** Resolves when the last answer is there. */
  stop(): Promise<void>
}

/** `clients` send one request after the other until they are stopped. */
export function startTraffic(clients: number, send: (n: number) => Promise<FollowedPost>): Traffic {
  const acknowledged: Answer['body'][] = []
  const statuses = new Map<number, number>()
  let isOver = false
  let next = 0
  const client = async (): Promise<void> => {
    while (!isOver) {
      const { status, body } = await send(next++)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status === 201) acknowledged.push(body)
      else await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const all = Promise.all(Array.from({ length: clients }, client))
  const stop = async (): Promise<void> => {
    isOver = true
    await all
  }
  return { acknowledged, statuses, stop, [Symbol.asyncDispose]: stop }
}
