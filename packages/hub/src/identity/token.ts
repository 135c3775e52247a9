import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import { compactVerify, errors } from 'jose'
import { LRUCache } from 'lru-cache'
import { PlinthError } from 'plinth'
import { parseObject } from '../postgrest/json.ts'
import { credentialMissing, credentialRefused } from '../postgrest/refusals.ts'
import { type Caller, claimsWithRole, type ServiceCaller } from './caller.ts'
import { readClaimPath } from './claim-path.ts'
import { createKeySource, type KeySet, PublishedKeys, type Report } from './key-source.ts'
import { repeatsName } from './repeated-name.ts'
import { checkRole } from './service-key.ts'
import { checkClaims, type ClaimRules, type Claims, endsAtSeconds } from './token-claims.ts'
import type { VerificationKey } from './verification-key.ts'

export interface JwtOptions {
  /** Shared secret of HS256, at least 32 bytes; a text counts as UTF-8. */
  readonly secret?: string | Uint8Array
  /** The `kid` of the secret. A token that names a `kid` names this one or is refused. */
  readonly keyId?: string
  /** A JSON Web Key or a set of them; each says what it is for. */
  readonly keys?: Readonly<Record<string, unknown>>
  /** A file with the same, read at the start and when the settings are read anew. */
  readonly keysFile?: string
  /**
   * Where an issuer publishes its set: https, or http on this machine. Fetched anew after 10 minutes, and for a new
   * `kid`.
   */
  readonly keysUrl?: string
  /** Must be among the token's `aud`. Absent: a token that names an audience is refused. */
  readonly audience?: string
  readonly issuer?: string
  /** Claims a token must have, whatever they say. */
  readonly requiredClaims?: readonly string[]
  /** Refuse a token without `exp`. Default true. */
  readonly requireExpiry?: boolean
  /** Where the role is: a JSON Path. Default `$.role`. */
  readonly roleClaim?: string
  /** Roles a token may name. Absent: each one the hub's database role is a member of. */
  readonly roles?: readonly string[]
  /** Difference of clocks allowed at `exp`, `nbf` and `iat`. Default 30. */
  readonly clockToleranceSeconds?: number
  /** Verified tokens that are remembered until they expire. Default 1,000; 0 remembers none. */
  readonly cacheEntries?: number
}

export interface TokenContext {
  /** Of a token without a role. */
  readonly anonymousRole: string | undefined
  /** The service that a token's `sub` stands for. */
  readonly findSubject: (subject: string) => ServiceCaller | undefined
  readonly isPostgrest: boolean
  readonly report: Report
  /** Outlives these settings. Absent: of these alone. */
  readonly published?: PublishedKeys
  /** In milliseconds. */
  readonly now?: () => number
}

/** Reads a token; a token without a role gets `anonymousRole`. */
export type VerifyToken = (token: string) => Promise<Caller>

interface Remembered {
  readonly caller: Caller
  readonly endsAt: number
}

/**
 * The algorithm is the key's; what the token says of it only chooses among the keys. Rules and the incidents behind
 * them: RFC 8725 and the list of refused tokens in test/token.test.ts. Throws InvalidOption.
 */
export function createTokenVerifier(options: JwtOptions, context: TokenContext): VerifyToken {
  const { now = Date.now, report, published = new PublishedKeys() } = context
  const rules = claimRules(options, context.isPostgrest)
  const source = createKeySource(options, { now, report, published })
  const identify = createIdentity(options, context)
  const entries = options.cacheEntries ?? 1_000
  // A token is one key of the cache only together with the keys it was verified by: after a rotation it is not in here.
  const remembered = entries === 0 ? undefined : new LRUCache<string, Remembered>({ max: entries })

  return async (token) => {
    const set = await source.current()
    const nowSeconds = Math.floor(now() / 1000)
    const key = cacheKey(token, set)
    const known = remembered?.get(key)
    if (known !== undefined && nowSeconds < known.endsAt) return known.caller
    remembered?.delete(key)
    const { text, verifiedBy } = await verifySignature(token, set, source.newer.bind(source))
    const claims = parseClaims(text)
    checkClaims(claims, rules, nowSeconds)
    const caller = identify(claims, text)
    const endsAt = endsAtSeconds(claims, rules) ?? Number.POSITIVE_INFINITY
    remembered?.set(cacheKey(token, verifiedBy), { caller, endsAt })
    return caller
  }
}

/** Of the whole token: two tokens that share a part must never share an entry. */
function cacheKey(token: string, { version }: KeySet): string {
  return `${version} ${hash('sha256', token, 'base64url')}`
}

function claimRules(options: JwtOptions, isPostgrest: boolean): ClaimRules {
  const { audience, issuer, requiredClaims = [], requireExpiry = true, clockToleranceSeconds = 30 } = options
  for (const [name, value] of Object.entries({ clockToleranceSeconds, cacheEntries: options.cacheEntries ?? 0 })) {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new PlinthError('InvalidOption', `jwt.${name} is ${value}; it must be a whole number, 0 or more.`)
  }
  const required = requireExpiry ? ['exp', ...requiredClaims] : requiredClaims
  return { audience, issuer, required, toleranceSeconds: clockToleranceSeconds, isPostgrest }
}

const MAX_TOKEN_CHARS = 8_192

/** The header of a token that looks like one. */
interface Header {
  readonly algorithm: string
  readonly kid: string | undefined
}

function readHeader(token: string): Header {
  if (token === '') throw credentialRefused('PGRST301', 'Empty JWT is sent in Authorization header')
  const parts = token.split('.')
  if (parts.length !== 3) throw credentialRefused('PGRST301', `Expected 3 parts in JWT; got ${parts.length}`)
  const [head = '', body = '', signature = ''] = parts
  const header = parseObject(Buffer.from(head, 'base64url').toString('utf8'))
  const algorithm = header?.['alg']
  if (header === undefined || typeof algorithm !== 'string') throw undecodable()
  if (algorithm.toLowerCase() === 'none')
    throw credentialRefused(
      'PGRST301',
      'Wrong or unsupported encoding algorithm',
      "JWT is unsecured but expected 'alg' was not 'none'",
    )
  if (token.length > MAX_TOKEN_CHARS || ![head, body, signature].every((part) => /^[A-Za-z0-9_-]+$/.test(part)))
    throw undecodable()
  // Two parsers may take different ones of two equal names, so the token would mean different things.
  if ([head, body].some((part) => repeatsName(Buffer.from(part, 'base64url').toString('utf8'))))
    throw credentialRefused('PGRST301', 'JWT repeats a name')
  if (['jwk', 'jku', 'x5u', 'x5c'].some((name) => Object.hasOwn(header, name)))
    throw credentialRefused('PGRST301', 'JWT brings its own key')
  const kid = header['kid']
  if (kid !== undefined && typeof kid !== 'string') throw undecodable()
  return { algorithm, kid }
}

interface Verified {
  /** The claims as they were signed. */
  readonly text: string
  readonly verifiedBy: KeySet
}

async function verifySignature(
  token: string,
  current: KeySet,
  newer: () => Promise<KeySet | undefined>,
): Promise<Verified> {
  const header = readHeader(token)
  let set = current
  let keys = keysFor(header, set)
  if (keys.length === 0 && header.kid !== undefined) {
    set = (await newer()) ?? set
    keys = keysFor(header, set)
  }
  if (keys.length === 0) throw noKey('No suitable key was found to decode the JWT')
  for (const key of keys) {
    const text = await signedText(token, key)
    if (text !== undefined) return { text, verifiedBy: set }
  }
  throw noKey('None of the keys was able to decode the JWT')
}

/** A token that names a key is verified by that one alone, as PostgREST does it: a key without a name is no answer. */
function keysFor({ algorithm, kid }: Header, { keys }: KeySet): readonly VerificationKey[] {
  return keys.filter((key) => key.algorithms.includes(algorithm) && (kid === undefined || kid === key.id))
}

async function signedText(token: string, { key, algorithms }: VerificationKey): Promise<string | undefined> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [...algorithms] })
    if (!isUtf8(payload)) throw undecodable()
    return Buffer.from(payload).toString('utf8')
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

function parseClaims(text: string): Claims {
  const claims = parseObject(text)
  if (claims === undefined) throw credentialRefused('PGRST303', 'Parsing claims failed')
  return claims
}

function undecodable(): ReturnType<typeof credentialRefused> {
  return credentialRefused('PGRST301', 'JWT cryptographic operation failed')
}

function noKey(details: string): ReturnType<typeof credentialRefused> {
  return credentialRefused('PGRST301', 'No suitable key or wrong key type', details)
}

/** Says who the claims are of. */
function createIdentity(options: JwtOptions, context: TokenContext): (claims: Claims, text: string) => Caller {
  const { roles, roleClaim = '$.role' } = options
  const { anonymousRole, findSubject } = context
  const findRole = readClaimPath(roleClaim, 'jwt.roleClaim')
  for (const role of roles ?? []) checkRole(role, 'jwt.roles')
  return (claims, text) => {
    const subject = claims['sub']
    const service = typeof subject === 'string' ? findSubject(subject) : undefined
    const named = findRole(claims)
    const role = service?.role ?? named ?? anonymousRole
    if (role === undefined) throw credentialMissing()
    if (typeof role !== 'string' || role === '' || role.toLowerCase() === 'none')
      throw credentialRefused('PGRST303', 'The JWT names no database role')
    if (service === undefined && roles !== undefined && role !== anonymousRole && !roles.includes(role))
      throw credentialRefused('PGRST303', 'The JWT names a role this hub does not take')
    const told = claimsWithRole(claims, text, role)
    if (service !== undefined) return { ...service, claims: told }
    // One who was told apart by no role is still nobody in particular: with another credential he may do more.
    return { kind: named === undefined ? 'anonymous' : 'token', role, claims: told }
  }
}
