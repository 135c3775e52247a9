import type { HubRequest } from '../exchange.ts'
import { credentialMissing, credentialRefused } from '../postgrest/refusals.ts'
import type { Caller } from './caller.ts'
import type { FindKey } from './service-key.ts'
import type { VerifyToken } from './token.ts'

/** Says who asks, or refuses. */
export type Identify = (request: HubRequest) => Promise<Caller>

export interface Credentials {
  readonly findKey: FindKey
  readonly verifyToken: VerifyToken | undefined
  readonly anonymousRole: string | undefined
}

/**
 * A key or token in `Authorization: Bearer`, or a key in `apikey`; Authorization goes before. A credential that is
 * there and not good is refused: it never falls back to the anonymous role.
 */
export function createIdentify({ findKey, verifyToken, anonymousRole }: Credentials): Identify {
  return async (request) => {
    const credential = credentialOf(request)
    if (credential === undefined) {
      if (anonymousRole === undefined) throw credentialMissing()
      return { kind: 'anonymous', role: anonymousRole }
    }
    const service = findKey(credential)
    if (service !== undefined) return service
    if (verifyToken === undefined) throw credentialRefused('PGRST301', 'The key is not known')
    return await verifyToken(credential)
  }
}

function credentialOf({ headers }: HubRequest): string | undefined {
  const authorization = headers.get('authorization')
  if (authorization === undefined) return headers.get('apikey')
  const bearer = /^Bearer +(\S+) *$/i.exec(authorization)?.[1]
  if (bearer === undefined) throw credentialRefused('PGRST301', 'Authorization is not a Bearer key or token')
  return bearer
}
