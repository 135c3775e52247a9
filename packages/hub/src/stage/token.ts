import { errors, type JWTPayload, jwtVerify } from 'jose'
import { PlinthError } from 'plinth'
import { credentialRefused } from '../postgrest/refusals.ts'
import type { Refusal } from '../refusal.ts'
import { repeatsName } from './repeated-name.ts'
import type { Caller } from './caller.ts'

export interface JwtOptions {
  /** Shared secret of HS256, at least 32 bytes of UTF-8. */
  readonly secret: string
  /** Must be among the token's `aud`. Absent: a token that names an audience is refused. */
  readonly audience?: string
  readonly issuer?: string
  /** Must be the token's `kid` when it has one. Absent: a `kid` chooses nothing and is only checked for its form. */
  readonly keyId?: string
  /** Roles a token may name. Absent: each one the hub's database role is a member of. */
  readonly roles?: readonly string[]
  /** Difference of clocks allowed at `exp` and `nbf`. Default 30. */
  readonly clockToleranceSeconds?: number
  /** Refuse a token without `exp`. Default true. */
  readonly requireExpiry?: boolean
}

/** Reads a token; a token without a role gets `anonymousRole`. */
export type VerifyToken = (token: string) => Promise<Caller>

/**
 * The algorithm is HS256 because the key is a shared secret; what the token says of it is only compared. Rules and the
 * incidents behind them: RFC 8725 and the list of refused tokens in test/token.test.ts.
 */
export function createTokenVerifier(options: JwtOptions, anonymousRole: string | undefined): VerifyToken {
  const secret = new TextEncoder().encode(options.secret)
  if (secret.length < 32)
    throw new PlinthError('InvalidOption', `jwt.secret is ${secret.length} bytes; HS256 needs at least 32.`)
  const { audience, issuer, clockToleranceSeconds = 30, requireExpiry = true } = options
  const rules = {
    algorithms: ['HS256'],
    clockTolerance: clockToleranceSeconds,
    requiredClaims: requireExpiry ? ['exp'] : [],
    ...(audience === undefined ? {} : { audience }),
    ...(issuer === undefined ? {} : { issuer }),
  }
  return async (token) => {
    checkForm(token, options.keyId)
    const { payload } = await jwtVerify(token, secret, rules).catch((cause: unknown) => {
      throw refusalOf(cause)
    })
    checkClaims(payload, audience)
    return callerOf(payload, options.roles, anonymousRole)
  }
}

const MAX_TOKEN_CHARS = 8_192

function checkForm(token: string, keyId: string | undefined): void {
  const parts = token.split('.')
  if (parts.length !== 3) throw credentialRefused('PGRST301', `Expected 3 parts in JWT; got ${parts.length}`)
  const [head = '', body = ''] = parts
  if (token.length > MAX_TOKEN_CHARS || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part)))
    throw credentialRefused('PGRST301', 'JWT could not be decoded')
  const texts = [head, body].map((part) => Buffer.from(part, 'base64url').toString('utf8'))
  // Two parsers may take different ones of two equal names, so the token would mean different things.
  if (texts.some(repeatsName)) throw credentialRefused('PGRST301', 'JWT repeats a name')
  checkHeader(texts[0] ?? '', keyId)
}

/** A header may not bring its own key, and a key id is a plain word. */
function checkHeader(text: string, keyId: string | undefined): void {
  const header = parseHeader(text)
  if (header === undefined) throw credentialRefused('PGRST301', 'JWT could not be decoded')
  if (['jwk', 'jku', 'x5u', 'x5c'].some((name) => Object.hasOwn(header, name)))
    throw credentialRefused('PGRST301', 'JWT brings its own key')
  const kid = 'kid' in header ? header.kid : undefined
  const isPlain = kid === undefined || (typeof kid === 'string' && /^[\w.-]{1,100}$/.test(kid))
  if (!isPlain || (kid !== undefined && keyId !== undefined && kid !== keyId))
    throw credentialRefused('PGRST301', 'No suitable key or wrong key type')
}

function parseHeader(text: string): object | undefined {
  try {
    const header: unknown = JSON.parse(text)
    return typeof header === 'object' && header !== null ? header : undefined
  } catch {
    return undefined
  }
}

/** What jose leaves open: an audience nobody asked about, and a time that is not a whole number of seconds. */
function checkClaims(payload: JWTPayload, audience: string | undefined): void {
  if (payload.aud !== undefined && audience === undefined) throw credentialRefused('PGRST303', 'JWT not in audience')
  for (const name of ['exp', 'nbf', 'iat'] as const) {
    if (payload[name] !== undefined && !Number.isSafeInteger(payload[name]))
      throw credentialRefused('PGRST303', `The JWT '${name}' claim must be a number`)
  }
}

function callerOf(claims: JWTPayload, roles: readonly string[] | undefined, anonymousRole: string | undefined): Caller {
  const role = Object.hasOwn(claims, 'role') ? claims['role'] : anonymousRole
  if (typeof role !== 'string' || role === '' || role.toLowerCase() === 'none')
    throw credentialRefused('PGRST303', 'The JWT names no database role')
  if (roles !== undefined && role !== anonymousRole && !roles.includes(role))
    throw credentialRefused('PGRST303', 'The JWT names a role this hub does not take')
  return { kind: 'token', role, claims }
}

function refusalOf(cause: unknown): Refusal {
  if (cause instanceof errors.JWTExpired) return credentialRefused('PGRST303', 'JWT expired')
  if (cause instanceof errors.JWTClaimValidationFailed) return credentialRefused('PGRST303', claimMessage(cause))
  if (cause instanceof errors.JOSEAlgNotAllowed)
    return credentialRefused('PGRST301', 'Wrong or unsupported encoding algorithm')
  return credentialRefused('PGRST301', 'No suitable key or wrong key type')
}

function claimMessage({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing') return `The JWT '${claim}' claim is missing`
  if (reason === 'invalid') return `The JWT '${claim}' claim must be a number`
  if (claim === 'nbf') return 'JWT not yet valid'
  return claim === 'aud' ? 'JWT not in audience' : `The JWT '${claim}' claim is not the one asked for`
}
