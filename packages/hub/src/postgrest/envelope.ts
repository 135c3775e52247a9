import type { Dialect } from '../dialect.ts'
import type { HubRequest } from '../http/exchange.ts'
import type { Limits } from '../limits.ts'
import { type Budget, createBudget } from '../query/scanner.ts'
import { parseUrl, type Target } from '../query/url.ts'
import type { Form } from './asked.ts'
import { parseAccept } from './media-type.ts'
import { parsePreferences, type Preferences } from './prefer.ts'
import { unknownSchema } from './refusals.ts'

/** What the hub was told that decides how a request is read. */
export interface Settings {
  readonly limits: Limits
  readonly dialect: Dialect
}

/** Everything about a request that does not depend on which table it is for. */
export interface Envelope {
  readonly request: HubRequest
  readonly target: Target
  readonly preferences: Preferences
  readonly schema: string
  readonly limits: Limits
  readonly dialect: Dialect
  readonly budget: Budget
  /** Media types the client takes, the best first. */
  readonly accepts: readonly string[]
  /** The form as far as headers say it; each kind of operation adds its own. */
  readonly form: Omit<Form, 'isSingular' | 'contentType' | 'format'>
}

export function openEnvelope(request: HubRequest, schemas: readonly string[], { limits, dialect }: Settings): Envelope {
  const mayEndTransaction = dialect.transactionEnd.endsWith('allow-override')
  const preferences = parsePreferences(request.headers.get('prefer'), mayEndTransaction)
  const profile = profileOf(request, schemas)
  const [first = ''] = schemas
  return {
    request,
    target: parseUrl(request.url),
    preferences,
    schema: profile ?? first,
    limits,
    dialect,
    budget: createBudget(limits, dialect.isPostgrest),
    accepts: parseAccept(request.headers.get('accept')),
    form: {
      verb: 'read',
      isHead: request.method === 'HEAD',
      body: 'full',
      schema: profile ?? first,
      ...(preferences.count && { count: preferences.count }),
      ...(dialect.maxRows === undefined ? {} : { maxRows: dialect.maxRows }),
      applied: alwaysApplied(preferences),
      ...(profile !== undefined || schemas.length > 1 ? { profile: profile ?? first } : {}),
      ...(isUndone(dialect, preferences.tx) ? { isUndone: true } : {}),
      settings: {
        // A GET that writes, by way of a function, is an error: 25006.
        ...(isRead(request) ? { transaction_read_only: 'on' } : {}),
        ...(preferences.timezone === undefined ? {} : { TimeZone: preferences.timezone }),
      },
    },
  }
}

function isRead({ method }: HubRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

function profileOf(request: HubRequest, schemas: readonly string[]): string | undefined {
  const isWrite = ['POST', 'PATCH', 'PUT', 'DELETE'].includes(request.method)
  return schemaNamed(request.headers.get(isWrite ? 'content-profile' : 'accept-profile'), schemas)
}

/** A header arrives as Latin-1, whatever its bytes mean. */
export function schemaNamed(profile: string | undefined, schemas: readonly string[]): string | undefined {
  const name = profile === undefined ? undefined : Buffer.from(profile, 'latin1').toString('utf8')
  if (name !== undefined && !schemas.includes(name)) throw unknownSchema(name, schemas)
  return name
}

/** `tx` is what the request asks for, where it may. */
export function isUndone({ transactionEnd }: Dialect, tx?: Preferences['tx']): boolean {
  return (tx ?? (transactionEnd.startsWith('rollback') ? 'rollback' : 'commit')) === 'rollback'
}

function alwaysApplied({ count, tx, handling, timezone }: Preferences): Preferences {
  return { ...(count && { count }), ...(tx && { tx }), ...(handling && { handling }), ...(timezone && { timezone }) }
}

/** How many rows a request may touch, from the singular media type and from `max-affected`. */
export function allowedRows(isSingular: boolean, { maxAffected, handling }: Preferences): Pick<Form, 'allowedRows'> {
  if (isSingular) return { allowedRows: { least: 1, most: 1 } }
  if (handling !== 'strict' || maxAffected === undefined) return {}
  return { allowedRows: { least: 0, most: maxAffected } }
}
