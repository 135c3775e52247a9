import { type Outcome, PlinthError } from '../errors.ts'
import { type Answer, runOperation } from '../operation/answer.ts'
import type { Operation, Typed } from '../operation/operation.ts'
import { errorFromWire, isAnswer } from '../operation/wire.ts'

export interface HubOptions {
  /** http:// or https://, with the path the hub is mounted at, if any. */
  readonly url: string
  /** Key of a service, sent as `apikey`. */
  readonly key?: string
  /** JWT, sent as `Authorization: Bearer`. */
  readonly token?: string
  /** Default: the global fetch. */
  readonly fetch?: (url: string, request: RequestInit) => Promise<Response>
  /** Time for one request and its whole answer, at least 1. Default 30,000. */
  readonly timeoutMs?: number
}

export interface RunOptions {
  readonly signal?: AbortSignal
}

/** Runs operations over HTTP: the same values and the same errors as in process. */
export interface Hub extends AsyncDisposable {
  run<R>(operation: Typed<R>, options?: RunOptions): Promise<R>
  /** Aborts what is running and refuses what comes. Idempotent. */
  close(): Promise<void>
}

interface Hubbed {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly fetch: NonNullable<HubOptions['fetch']>
  readonly timeoutMs: number
  readonly closing: AbortSignal
}

/**
 * Connects to a hub. Nothing is sent before the first `run`. Needs neither `pg` nor Node: it works in a browser.
 *
 *     const hub = connectHub({ url: 'http://127.0.0.1:4000', key: process.env.HUB_KEY })
 *     const user = await hub.run(users.get(7))      POST /-/run
 *
 * `run` throws what the hub's database would throw in process, HubUnreachable when no hub answers, and HubRefused when
 * the answer is not a hub's. A write whose answer was lost has `outcome: 'unknown'`; it is never repeated here.
 */
export function connectHub({ url, key, token, fetch = globalThis.fetch, timeoutMs = 30_000 }: HubOptions): Hub {
  const closing = new AbortController()
  const hub: Hubbed = {
    endpoint: endpointOf(url),
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(key !== undefined && { apikey: key }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    // Browsers refuse a fetch that is called as a method of another object.
    fetch: (input, request) => fetch(input, request),
    timeoutMs: checkedTimeout(timeoutMs),
    closing: closing.signal,
  }
  const close = (): Promise<void> => {
    closing.abort()
    return Promise.resolve()
  }
  return {
    run: (operation, options = {}) => run(hub, operation, options),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function run<R>(hub: Hubbed, operation: Typed<R>, options: RunOptions): Promise<R>
function run(hub: Hubbed, operation: Operation, options: RunOptions): Promise<unknown> {
  return runOperation(operation, (asked) => execute(hub, asked, options))
}

async function execute(hub: Hubbed, operation: Operation, { signal }: RunOptions): Promise<Answer> {
  if (hub.closing.aborted) throw new PlinthError('DatabaseClosed', 'This hub client is closed.')
  if (signal?.aborted) throw new PlinthError('Cancelled', `${operation.kind} was cancelled before it was sent.`)
  // Not AbortSignal.timeout, whose timer cannot be cleared: 100,000 answered requests held 50 MB until it ran out.
  const ending = new AbortController()
  const timer = setTimeout(() => ending.abort(), hub.timeoutMs)
  const timeout = ending.signal
  const signals = signal ? [signal, timeout, hub.closing] : [timeout, hub.closing]
  const request = {
    method: 'POST',
    headers: hub.headers,
    body: JSON.stringify(operation),
    // fetch would take `apikey` along to whatever host the redirect names, and make a GET of the POST.
    redirect: 'manual' as const,
    signal: AbortSignal.any(signals),
  }
  let response: Response
  let text: string
  try {
    response = await hub.fetch(hub.endpoint, request)
    text = await response.text()
  } catch (cause) {
    throw failure(hub, operation, { timeout, signal, cause })
  } finally {
    clearTimeout(timer)
  }
  return readResponse(operation, response.status, text)
}

function readResponse(operation: Operation, status: number, text: string): Answer {
  const json = parsed(text)
  if (status === 200 && isAnswer(json)) return json
  const sent = errorFromWire(typeof json === 'object' && json !== null && 'plinth' in json ? json.plinth : undefined)
  if (sent && status >= 400) throw sent
  throw new PlinthError('HubRefused', `The answer (HTTP ${status}) is not a Plinth hub's.`, {
    // A gateway that answers 502 or 504 may have passed the write on.
    outcome: status >= 400 && status < 500 ? 'not applied' : lostOutcome(operation),
    retryable: status === 429 || status === 503,
    hint: 'Is the url that of a hub, and is there a proxy in between?',
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined
    throw cause
  }
}

interface Failure {
  readonly timeout: AbortSignal
  readonly signal: AbortSignal | undefined
  readonly cause: unknown
}

function failure(hub: Hubbed, operation: Operation, { timeout, signal, cause }: Failure): PlinthError {
  const outcome = wasNotSent(cause) ? 'not applied' : lostOutcome(operation)
  if (signal?.aborted)
    return new PlinthError('Cancelled', `${operation.kind} was cancelled by its caller.`, { outcome, cause })
  if (hub.closing.aborted)
    return new PlinthError('DatabaseClosed', 'The hub client was closed while it waited.', { outcome, cause })
  const why = timeout.aborted ? `did not answer within ${hub.timeoutMs} ms` : `cannot be reached: ${reasonOf(cause)}`
  return new PlinthError('HubUnreachable', `The hub at ${hub.endpoint} ${why}.`, {
    outcome,
    phase: outcome === 'not applied' ? 'connect' : 'statement',
    retryable: outcome === 'not applied',
    cause,
  })
}

/** A lost read has changed nothing. A function may write. */
function lostOutcome({ kind }: Operation): Outcome {
  return kind === 'select' || kind === 'count' ? 'not applied' : 'unknown'
}

/** Codes of Node's fetch that say that no connection was made. A browser tells nothing, so there a write is unknown. */
const notSent: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

function wasNotSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  // Of several addresses each must have failed to connect.
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(wasNotSent)
  if ('code' in error && notSent.has(error.code)) return true
  return wasNotSent(error.cause)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message || error.name
}

/** Beyond 2^31 ms a timer ends at once. */
function checkedTimeout(timeoutMs: number): number {
  if (timeoutMs >= 1 && timeoutMs <= 2_147_483_647) return timeoutMs
  throw new PlinthError('InvalidOption', `timeoutMs is ${timeoutMs}; it must be between 1 and 2147483647 ms.`)
}

function endpointOf(url: string): string {
  const parsedUrl = URL.canParse(url) ? new URL(url) : undefined
  if (parsedUrl?.protocol !== 'http:' && parsedUrl?.protocol !== 'https:')
    throw new PlinthError('InvalidOption', `The hub's url must be http:// or https://, not ${JSON.stringify(url)}.`)
  if (parsedUrl.username !== '' || parsedUrl.search !== '' || parsedUrl.hash !== '')
    throw new PlinthError('InvalidOption', "The hub's url takes no user, query or fragment.", {
      hint: 'Give the key as `key`.',
    })
  return `${parsedUrl.href.replace(/\/+$/, '')}/-/run`
}
