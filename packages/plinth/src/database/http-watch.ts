import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { captureCallSite, placeOf } from '../driver/call-site.ts'
import { type DatabaseIdentity, isObserved, observe } from '../observe/observation.ts'
import { enclosingScope, wholeTransaction } from './context.ts'
import { httpInTransaction } from './misuse-errors.ts'
import type { MisuseMode } from './queryable.ts'

/** Published by fetch and undici, and by node:http and node:https, in the async context of who asks. */
const channels = ['undici:request:create', 'http.client.request.start'] as const

/**
 * Transactions whose names were warned about: those of a program are few, and a name made at run time must not fill it.
 */
const maxWarned = 100

/**
 * Reports each HTTP request that is made inside a transaction of `database`: the transaction keeps its connection and
 * its locks for as long as a stranger takes to answer, and the request is not undone with it. With `error` a process
 * warning says so once for each name; a request cannot be refused. Returns what ends the watch.
 */
export function watchHttp(database: object, identity: DatabaseIdentity, misuse: MisuseMode): () => void {
  const warned = new Set<string>()
  const report = (message: unknown): void => {
    const inner = enclosingScope(database)
    if (!inner || (misuse === 'observe' && !isObserved('misuse'))) return
    const scope = wholeTransaction(inner)
    const place = placeOf(captureCallSite()) ?? placeOf(scope.site)
    const at = place === undefined ? {} : { place }
    observe({ kind: 'misuse', database: identity, what: 'http request', transaction: scope.name, ...at })
    if (misuse === 'observe' || warned.has(scope.name) || warned.size >= maxWarned) return
    warned.add(scope.name)
    const { text, detail } = httpInTransaction(target(message), scope, place)
    process.emitWarning(text, { type: 'PlinthWarning', code: 'HttpInTransaction', detail })
  }
  for (const channel of channels) subscribe(channel, report)
  return () => {
    for (const channel of channels) unsubscribe(channel, report)
  }
}

/** `POST api.example.com`: a path may hold a secret, so it is left out. */
function target(message: unknown): string {
  if (!isObject(message) || !isObject(message['request'])) return 'to somewhere'
  const { method, origin, host } = message['request']
  const name = typeof host === 'string' ? host : (URL.parse(String(origin))?.host ?? 'somewhere')
  return `${String(method)} ${name}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
