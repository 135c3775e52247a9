import { credentialRefused } from '../postgrest/refusals.ts'

export type Claims = Readonly<Record<string, unknown>>

export interface ClaimRules {
  readonly audience: string | undefined
  readonly issuer: string | undefined
  readonly required: readonly string[]
  readonly toleranceSeconds: number
  /** As PostgREST: an absent `aud` is for everybody, and without a configured audience every one is taken. */
  readonly isPostgrest: boolean
}

/**
 * Refuses claims that do not hold at `nowSeconds`: RFC 7519, section 4.1, with PostgREST's words. Each has its type: a
 * text as `exp` would compare as false with every time and live for ever.
 */
export function checkClaims(claims: Claims, rules: ClaimRules, nowSeconds: number): void {
  const { toleranceSeconds: tolerance } = rules
  for (const name of rules.required) if (isAbsent(claims[name])) throw refused(`The JWT '${name}' claim is missing`)
  const [expiry, from, issued] = [time(claims, 'exp'), time(claims, 'nbf'), time(claims, 'iat')]
  if (expiry !== undefined && expiry <= nowSeconds - tolerance) throw refused('JWT expired')
  if (from !== undefined && from > nowSeconds + tolerance) throw refused('JWT not yet valid')
  if (issued !== undefined && issued > nowSeconds + tolerance) throw refused('JWT issued at future')
  checkAudience(claims['aud'], rules)
  if (rules.issuer !== undefined && claims['iss'] !== rules.issuer)
    throw refused(isAbsent(claims['iss']) ? "The JWT 'iss' claim is missing" : 'JWT not from the issuer')
}

/** When the claims stop to hold; undefined: never. */
export function endsAtSeconds(claims: Claims, { toleranceSeconds }: ClaimRules): number | undefined {
  const expiry = time(claims, 'exp')
  return expiry === undefined ? undefined : expiry + toleranceSeconds
}

function isAbsent(claim: unknown): claim is undefined | null {
  return claim === undefined || claim === null
}

/** A whole number: what is past the exact ones, such as 1e400, is no time. */
function time(claims: Claims, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const claim = claims[name]
  if (isAbsent(claim)) return undefined
  if (typeof claim === 'number' && Number.isSafeInteger(claim)) return claim
  throw refused(`The JWT '${name}' claim must be a number`)
}

function checkAudience(claim: unknown, { audience, isPostgrest }: ClaimRules): void {
  const named = audienceOf(claim)
  if (named.length === 0) {
    if (audience === undefined || isPostgrest) return
    throw refused("The JWT 'aud' claim is missing")
  }
  if (audience === undefined && isPostgrest) return
  // Without a configured audience the token is for somebody, and nobody knows whether that is this hub.
  if (audience === undefined || !named.includes(audience)) throw refused('JWT not in audience')
}

function audienceOf(claim: unknown): readonly string[] {
  if (isAbsent(claim)) return []
  const named: unknown[] = Array.isArray(claim) ? claim : [claim]
  const texts = named.filter((one) => typeof one === 'string')
  if (texts.length === named.length) return texts
  throw refused("The JWT 'aud' claim must be a string or an array of strings")
}

function refused(message: string): ReturnType<typeof credentialRefused> {
  return credentialRefused('PGRST303', message)
}
