import { readFileSync } from 'node:fs'
import { createRemoteJWKSet, customFetch, type RemoteJWKSet } from 'jose'
import { PlinthError } from 'plinth'
import { readBody } from '../http/exchange.ts'
import { Refusal } from '../refusal.ts'
import { readKeys, secretKey, type VerificationKey } from './verification-key.ts'

/** The keys of one moment. Another version means other keys, so that nothing verified with the old ones counts. */
export interface KeySet {
  readonly version: number
  readonly keys: readonly VerificationKey[]
}

export interface KeySource {
  current(): KeySet | Promise<KeySet>
  /** A newer set, for a token that names a key the current one does not have; undefined when it was just looked for. */
  newer(): Promise<KeySet | undefined>
}

/** Told of a set that could not be fetched: whoever runs the hub must hear of it, also while the last one counts. */
export type Report = (error: unknown) => void

export interface KeyOptions {
  readonly secret?: string | Uint8Array
  readonly keyId?: string
  readonly keys?: unknown
  readonly keysFile?: string
  readonly keysUrl?: string
}

/**
 * Keys that were fetched, for settings that are read anew: an issuer that is away at that moment is no reason to turn
 * everybody away. Of one URL, that of the last settings.
 */
export class PublishedKeys {
  #href = ''
  #source: KeysOfUrl | undefined

  /** Those of before count until the set was read again, which is then due. */
  of(url: URL, now: () => number, report: Report): KeySource {
    this.#source?.expire()
    if (this.#source === undefined || this.#href !== url.href) this.#source = new KeysOfUrl(url, now, report)
    this.#href = url.href
    return this.#source
  }
}

export interface KeyContext {
  /** In milliseconds. */
  readonly now: () => number
  readonly report: Report
  readonly published: PublishedKeys
}

/** Throws InvalidOption where not exactly one place of the keys is named, or what is there are no keys. */
export function createKeySource(options: KeyOptions, { now, report, published }: KeyContext): KeySource {
  const { secret, keyId, keys, keysFile, keysUrl } = options
  const named = Object.entries({ secret, keys, keysFile, keysUrl }).filter(([, value]) => value !== undefined)
  if (named.length !== 1) {
    throw new PlinthError('InvalidOption', `jwt names ${named.length} places of its keys; it must be one.`, {
      hint: 'Set one of jwt.secret, jwt.keys, jwt.keysFile and jwt.keysUrl.',
    })
  }
  if (secret !== undefined) return fixed([secretKey(typeof secret === 'string' ? Buffer.from(secret) : secret, keyId)])
  if (keysUrl !== undefined) return published.of(checkedUrl(keysUrl), now, report)
  return fixed(keysFile === undefined ? readKeys(keys, 'jwt.keys') : readKeysFile(keysFile))
}

function fixed(keys: readonly VerificationKey[]): KeySource {
  const set = { version: 1, keys }
  return { current: () => set, newer: () => Promise.resolve(undefined) }
}

function readKeysFile(path: string): readonly VerificationKey[] {
  const place = `jwt.keysFile ${path}`
  return readKeys(
    readJson(place, () => readFileSync(path, 'utf8')),
    place,
  )
}

function readJson(place: string, read: () => string): unknown {
  try {
    return JSON.parse(read())
  } catch (cause) {
    // The text of a JSON error quotes what it found, which may be a key.
    const reason = cause instanceof SyntaxError ? 'it is no JSON' : String(cause)
    throw new PlinthError('InvalidOption', `${place} cannot be read: ${reason}.`)
  }
}

/** Whoever can change the set on its way may log in as anybody: it comes encrypted or does not leave this machine. */
function checkedUrl(text: string): URL {
  const url = URL.parse(text)
  const isLocal = url?.protocol === 'http:' && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  if (url !== null && (url.protocol === 'https:' || isLocal)) return url
  throw new PlinthError('InvalidOption', 'jwt.keysUrl must begin with https://; http:// is for this machine alone.')
}

const FETCH_TIMEOUT_MS = 5_000
const MOST_BYTES = 262_144
/** A set is fetched anew at this age, and at once for an unknown key, unless the last fetch is too recent. */
const FRESH_MS = 600_000
const REST_MS = 30_000
const REST_AFTER_FAILURE_MS = 5_000
/** While the issuer is away its last set counts for this long: a key that it withdrew must not live on for ever. */
const KEPT_MS = 3_600_000

/**
 * The keys an issuer publishes. A new key is found by the first token that names it; one that was taken out of the set
 * counts until the set is read again, which is the overlap an issuer must keep to: ten minutes, one hour in an outage.
 */
class KeysOfUrl implements KeySource {
  readonly #remote: RemoteJWKSet
  readonly #now: () => number
  readonly #report: Report
  #set: KeySet | undefined
  #text = ''
  #fetchedAt = 0
  #restUntil = 0
  #loading: Promise<KeySet> | undefined

  constructor(url: URL, now: () => number, report: Report) {
    this.#now = now
    this.#report = report
    this.#remote = createRemoteJWKSet(url, { timeoutDuration: FETCH_TIMEOUT_MS, [customFetch]: fetchSmall })
  }

  /** The set is as old as one that is fetched anew, or older. */
  expire(): void {
    this.#fetchedAt = Math.min(this.#fetchedAt, this.#now() - FRESH_MS)
  }

  async current(): Promise<KeySet> {
    const [set, age] = [this.#set, this.#now() - this.#fetchedAt]
    if (set === undefined || age >= KEPT_MS) return await this.#load()
    // Nobody waits for an issuer while there are keys; who runs the hub was told of a failure by then.
    if (age >= FRESH_MS) void this.#load().catch(() => undefined)
    return set
  }

  async newer(): Promise<KeySet | undefined> {
    if (this.#loading === undefined && this.#now() < this.#restUntil) return undefined
    return await this.#load()
  }

  /** Callers at the same time share one fetch, and after one nobody asks again for a while. */
  #load(): Promise<KeySet> {
    if (this.#loading !== undefined) return this.#loading
    if (this.#now() < this.#restUntil) return Promise.reject(keysAway())
    this.#loading = this.#fetch().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #fetch(): Promise<KeySet> {
    try {
      await this.#remote.reload()
      const set = this.#take(this.#remote.jwks())
      this.#restUntil = this.#now() + REST_MS
      return set
    } catch (error) {
      this.#restUntil = this.#now() + REST_AFTER_FAILURE_MS
      this.#report(error)
      throw keysAway()
    }
  }

  #take(jwks: unknown): KeySet {
    const text = JSON.stringify(jwks)
    if (this.#set === undefined || text !== this.#text)
      this.#set = { version: (this.#set?.version ?? 0) + 1, keys: readKeys(jwks, 'jwt.keysUrl', true) }
    this.#text = text
    this.#fetchedAt = this.#now()
    return this.#set
  }
}

/** The token may be good: the hub cannot tell for now. */
function keysAway(): Refusal {
  return new Refusal(503, 'PLT503', 'The keys that tokens are verified with cannot be had at the moment.', {
    headers: { 'retry-after': '5' },
  })
}

async function fetchSmall(url: string, init: RequestInit): Promise<Response> {
  const { status, headers, body } = await fetch(url, init)
  const read = await readBody(body, MOST_BYTES)
  if (read.length > MOST_BYTES)
    throw new PlinthError('InvalidOption', `jwt.keysUrl answers with more than ${MOST_BYTES} bytes.`)
  return new Response(new Uint8Array(read), { status, headers })
}
