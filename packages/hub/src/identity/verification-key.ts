import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { PlinthError } from 'plinth'

/** A key that tokens are verified with, and all that it may be used for. */
export interface VerificationKey {
  /** The `kid` that a token must name, where it names one. */
  readonly id: string | undefined
  /** What the key is for. A token's `alg` chooses nothing: it is looked for in here. */
  readonly algorithms: readonly string[]
  readonly key: KeyObject
}

const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

const curveAlgorithms: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['P-256', ['ES256']],
  ['P-384', ['ES384']],
  ['P-521', ['ES512']],
  ['Ed25519', ['EdDSA', 'Ed25519']],
])

/** A shorter secret than the digest can be guessed sooner than it can be forged: RFC 7518, section 3.2. */
const secretBytes: readonly (readonly [algorithm: string, least: number])[] = [
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
]

/** More keys than any issuer has: each may be tried on a token without a `kid`. */
const MOST_KEYS = 32

/** A shared secret of HS256. Throws InvalidOption for one under 32 bytes. */
export function secretKey(secret: Uint8Array, id: string | undefined): VerificationKey {
  if (secret.length < 32)
    throw new PlinthError('InvalidOption', `jwt.secret is ${secret.length} bytes; HS256 needs at least 32.`)
  return { id, algorithms: ['HS256'], key: createSecretKey(secret) }
}

/**
 * The keys of a JSON Web Key or a set of them that verify signatures; one that does something else is passed over.
 * `isPublished`: the set came from a URL, where a shared secret has no business. Throws InvalidOption.
 */
export function readKeys(value: unknown, place: string, isPublished = false): readonly VerificationKey[] {
  const set = isRecord(value) && Array.isArray(value['keys']) ? value['keys'] : [value]
  if (set.length > MOST_KEYS)
    throw new PlinthError('InvalidOption', `${place} has ${set.length} keys; the hub takes ${MOST_KEYS}.`)
  const keys = set.flatMap((key, at) => readKey(key, set.length === 1 ? place : `${place}, key ${at}`, isPublished))
  if (keys.length === 0)
    throw new PlinthError('InvalidOption', `${place} has no key that verifies signatures.`, {
      hint: 'Give JSON Web Keys of the kinds RSA, EC, OKP (Ed25519) or oct, with "use": "sig" or without "use".',
    })
  return keys
}

type Jwk = Readonly<Record<string, unknown>>

function isRecord(value: unknown): value is Jwk {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readKey(jwk: unknown, place: string, isPublished: boolean): VerificationKey[] {
  if (!isRecord(jwk) || typeof jwk['kty'] !== 'string')
    throw new PlinthError('InvalidOption', `${place} is no JSON Web Key.`)
  if (!isForSignatures(jwk)) return []
  const id = typeof jwk['kid'] === 'string' ? jwk['kid'] : undefined
  if (jwk['kty'] === 'oct') {
    if (isPublished) throw new PlinthError('InvalidOption', `${place} publishes a shared secret.`)
    return readSecret(jwk, id, place)
  }
  const possible = jwk['kty'] === 'RSA' ? rsaAlgorithms : (curveAlgorithms.get(jwk['crv']) ?? [])
  const algorithms = chosen(possible, jwk['alg'])
  return algorithms.length === 0 ? [] : [{ id, algorithms, key: publicKey(jwk, place) }]
}

function isForSignatures({ use, key_ops: operations }: Jwk): boolean {
  const isAllowed = !Array.isArray(operations) || operations.includes('verify') || operations.includes('sign')
  return isAllowed && (use === undefined || use === 'sig')
}

function chosen(possible: readonly string[], algorithm: unknown): readonly string[] {
  return algorithm === undefined ? possible : possible.filter((one) => one === algorithm)
}

function readSecret({ k, alg }: Jwk, id: string | undefined, place: string): VerificationKey[] {
  const secret = Buffer.from(typeof k === 'string' ? k : '', 'base64url')
  const named = secretBytes.filter(([algorithm]) => alg === undefined || alg === algorithm)
  const algorithms = named.filter(([, least]) => secret.length >= least).map(([algorithm]) => algorithm)
  if (named.length > 0 && algorithms.length === 0)
    throw new PlinthError(
      'InvalidOption',
      `${place} is a secret of ${secret.length} bytes; ${named[0]?.join(' needs ')}.`,
    )
  return algorithms.length === 0 ? [] : [{ id, algorithms, key: createSecretKey(secret) }]
}

function publicKey(jwk: Jwk, place: string): KeyObject {
  const key = importKey(jwk, place)
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 2048
  if (bits < 2048) throw new PlinthError('InvalidOption', `${place} is an RSA key of ${bits} bits; it needs 2048.`)
  return key
}

function importKey(jwk: JsonWebKey, place: string): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch (cause) {
    throw new PlinthError('InvalidOption', `${place} cannot be read as a public key.`, { cause })
  }
}
