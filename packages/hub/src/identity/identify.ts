import type { HubRequest } from '../http/exchange.ts'
import { credentialMissing, credentialRefused, noSecret } from '../postgrest/refusals.ts'
import type { Caller } from './caller.ts'
import type { FindKey } from './service-key.ts'
import type { VerifyToken } from './token.ts'

/** Says who asks, or refuses. */
export type Identify = (request: HubRequest) => Promise<Caller>

export interface Credentials {
  readonly findKey: FindKey
  /** Whether there is any key at all. */
  readonly hasKeys: boolean
  readonly verifyToken: VerifyToken | undefined
  readonly anonymousRole: string | undefined
  /** As PostgREST: only `Authorization: Bearer` is a credential, and other schemes are somebody else's. */
  readonly isPostgrest: boolean
}

/**
 * A key or token in `Authorization: Bearer`, or a key in `apikey`; Authorization goes before. A credential that is
 * there and not good is refused: it never falls back to the anonymous role.
 */
export function createIdentify(credentials: Credentials): Identify {
  const { findKey, verifyToken, anonymousRole } = credentials
  const anonymous = anonymousRole === undefined ? undefined : anonymousCaller(anonymousRole)
  return async (request) => {
    const credential = credentialOf(request, credentials)
    if (credential === undefined) {
      if (anonymous === undefined) throw credentialMissing()
      return anonymous
    }
    const service = findKey(credential)
    if (service !== undefined) return service
    if (verifyToken !== undefined) return await verifyToken(credential)
    throw credentials.hasKeys ? credentialRefused('PGRST301', 'The key is not known') : noSecret()
  }
}

function anonymousCaller(role: string): Caller {
  return { kind: 'anonymous', role, claims: JSON.stringify({ role }) }
}

function credentialOf({ headers }: HubRequest, { isPostgrest, hasKeys }: Credentials): string | undefined {
  const authorization = headers.get('authorization')
  const isBearer = authorization !== undefined && /^bearer(?: |$)/i.test(authorization)
  if (authorization === undefined || (isPostgrest && !isBearer))
    return isPostgrest && !hasKeys ? undefined : headers.get('apikey')
  const bearer = authorization.slice('Bearer'.length).trim()
  if (!isBearer || /\s/.test(bearer)) throw credentialRefused('PGRST301', 'Authorization is not a Bearer key or token')
  return bearer
}
