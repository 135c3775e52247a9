import type { Dialect } from '../dialect.ts'
import type { HubRequest, Limits } from '../exchange.ts'
import type { Form } from './asked.ts'
import { acceptMediaType } from './media-type.ts'
import { parsePreferences, type Preferences } from './prefer.ts'
import { notImplemented, unknownSchema } from './refusals.ts'
import { type Budget, createBudget } from './scanner.ts'
import { parseUrl, type Target } from './url.ts'

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
  /** The form as far as headers say it; each kind of operation adds its own. */
  readonly form: Form
}

export function openEnvelope(request: HubRequest, schemas: readonly string[], { limits, dialect }: Settings): Envelope {
  const preferences = parsePreferences(request.headers.get('prefer'))
  const { isSingular, contentType } = acceptMediaType(request.headers.get('accept'))
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  const named = request.headers.get(isRead ? 'accept-profile' : 'content-profile')
  // A header arrives as Latin-1, whatever its bytes mean.
  const profile = named === undefined ? undefined : Buffer.from(named, 'latin1').toString('utf8')
  if (profile !== undefined && !schemas.includes(profile)) throw unknownSchema(profile, schemas)
  const [first = ''] = schemas
  const isNegotiated = profile !== undefined || schemas.length > 1
  const { count, handling, timezone } = preferences
  return {
    request,
    target: parseUrl(request.url),
    preferences,
    schema: profile ?? first,
    limits,
    dialect,
    budget: createBudget(limits, dialect.isPostgrest),
    form: {
      verb: 'read',
      isHead: request.method === 'HEAD',
      isSingular,
      contentType,
      body: 'full',
      schema: profile ?? first,
      exactCount: count !== undefined,
      applied: { ...(count && { count }), ...(handling && { handling }), ...(timezone && { timezone }) },
      ...(isNegotiated ? { profile: profile ?? first } : {}),
      settings: {
        // A GET that writes, by way of a function, is an error: 25006.
        ...(isRead ? { transaction_read_only: 'on' } : {}),
        ...(timezone === undefined ? {} : { TimeZone: timezone }),
      },
    },
  }
}

/** How many rows a write may touch, from the singular media type and from `max-affected`. */
export function allowedRows({ form, preferences }: Envelope): Pick<Form, 'allowedRows'> {
  if (form.isSingular) return { allowedRows: { least: 1, most: 1 } }
  if (preferences.handling !== 'strict' || preferences.maxAffected === undefined) return {}
  return { allowedRows: { least: 0, most: preferences.maxAffected } }
}

export function refuseOnWrite(
  given: Readonly<Record<string, unknown>>,
  names: readonly string[],
  method: string,
): void {
  const found = names.find((name) => given[name] !== undefined)
  if (found !== undefined) throw notImplemented(`${found} on ${method}`)
}
