import assert from 'node:assert/strict'
import { generateKeyPairSync, type JsonWebKey, type KeyObject, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { SignJWT } from 'jose'
import { PublishedKeys } from '../src/identity/key-source.ts'
import { createTokenVerifier, type JwtOptions, type VerifyToken } from '../src/identity/token.ts'
import { signedToken } from './support/token.ts'

const minute = 60_000
let time = Date.parse('2026-06-01T00:00:00Z')

interface Made {
  readonly verify: VerifyToken
  readonly reported: unknown[]
}

interface VerifierOptions {
  readonly isPostgrest?: boolean
  readonly published?: PublishedKeys
}

function verifier(options: JwtOptions, { isPostgrest = false, published }: VerifierOptions = {}): Made {
  const reported: unknown[] = []
  const context = {
    ...(published && { published }),
    anonymousRole: undefined,
    findSubject: () => undefined,
    isPostgrest,
    report: (error: unknown) => reported.push(error),
    now: () => time,
  }
  return { verify: createTokenVerifier(options, context), reported }
}

interface Pair {
  readonly privateKey: KeyObject
  readonly jwk: JsonWebKey & { readonly kid?: string }
}

function sign(algorithm: string, key: KeyObject | Uint8Array, kid?: string, claims: object = {}): Promise<string> {
  return new SignJWT({ role: 'web', exp: Math.floor(time / 1000) + 3600, ...claims })
    .setProtectedHeader({ alg: algorithm, ...(kid === undefined ? {} : { kid }) })
    .sign(key)
}

function pairOf(kind: 'rsa' | 'P-256' | 'P-384' | 'P-521' | 'ed25519', more: JsonWebKey = {}): Pair {
  const { publicKey, privateKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: kind })
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), ...more } }
}

const roleOf = async (verify: VerifyToken, token: string): Promise<string> => {
  const caller = await verify(token)
  return caller.kind === 'owner' ? '' : caller.role
}
const refused = { status: 401 }
const refusal = (code: string, message?: string) => (error: any) => {
  assert.deepEqual([error.status, error.body?.code], [401, code])
  if (message !== undefined) assert.equal(error.body.message, message)
  return true
}

describe('a key', () => {
  const rsa = pairOf('rsa')
  const kinds: readonly (readonly [string, Pair])[] = [
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((algorithm) => [algorithm, rsa] as const),
    ['ES256', pairOf('P-256')],
    ['ES384', pairOf('P-384')],
    ['ES512', pairOf('P-521')],
    ['EdDSA', pairOf('ed25519')],
  ]

  for (const [algorithm, { privateKey, jwk }] of kinds) {
    test(`of ${algorithm} verifies its tokens, in a set and alone`, async () => {
      const token = await sign(algorithm, privateKey)
      for (const keys of [jwk, { keys: [jwk] }, { keys: [{ ...jwk, alg: algorithm }] }])
        assert.equal(await roleOf(verifier({ keys: { ...keys } }).verify, token), 'web')
    })
  }

  for (const [algorithm, bytes] of [
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64],
  ] as const) {
    test(`of ${algorithm} verifies its tokens, and is refused when it is too short`, async () => {
      const secret = randomBytes(bytes)
      const keys = { kty: 'oct', alg: algorithm, k: secret.toString('base64url') }
      assert.equal(await roleOf(verifier({ keys }).verify, await sign(algorithm, secret)), 'web')
      const short = { ...keys, k: secret.subarray(1).toString('base64url') }
      assert.throws(() => verifier({ keys: short }), { code: 'InvalidOption', message: /secret of \d\d bytes/ })
    })
  }

  test('is for the algorithm it names and no other', async () => {
    const { verify } = verifier({ keys: { ...rsa.jwk, alg: 'RS256' } })
    await assert.rejects(verify(await sign('PS256', rsa.privateKey)), refusal('PGRST301'))
    const hmac = await sign('HS256', Buffer.from(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })))
    await assert.rejects(verify(hmac), refusal('PGRST301', 'No suitable key or wrong key type'))
  })

  test('that a token names is the only one tried, and one without a name is no answer', async () => {
    const [a, b] = [pairOf('P-256', { kid: 'a' }), pairOf('P-256')]
    const { verify } = verifier({ keys: { keys: [a.jwk, b.jwk] } })
    assert.equal(await roleOf(verify, await sign('ES256', a.privateKey, 'a')), 'web')
    assert.equal(await roleOf(verify, await sign('ES256', b.privateKey)), 'web')
    await assert.rejects(verify(await sign('ES256', b.privateKey, 'a')), refusal('PGRST301'))
    await assert.rejects(verify(await sign('ES256', b.privateKey, 'b')), refusal('PGRST301'))
  })

  test('of ECDSA takes no signature of zeros', async () => {
    const pair = pairOf('P-256')
    const [head, body] = (await sign('ES256', pair.privateKey)).split('.')
    const zeros = Buffer.alloc(64).toString('base64url')
    await assert.rejects(verifier({ keys: { ...pair.jwk } }).verify(`${head}.${body}.${zeros}`), refusal('PGRST301'))
  })

  test('that is none, is for encryption, or is too small stops the start', () => {
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
    for (const [keys, message] of [
      [{ keys: [] }, /has no key that verifies/],
      [{ keys: [{ ...rsa.jwk, use: 'enc' }] }, /has no key that verifies/],
      [{ keys: [{ ...rsa.jwk, key_ops: ['encrypt'] }] }, /has no key that verifies/],
      [{ keys: [5, {}] }, /key 0 is no JSON Web Key/],
      [{ ...rsa.jwk, n: 'AA' }, /^jwt\.keys /],
      [{ ...small }, /RSA key of 1024 bits/],
      [{ keys: Array.from({ length: 33 }, () => rsa.jwk) }, /has 33 keys/],
    ] as const)
      assert.throws(() => verifier({ keys }), { code: 'InvalidOption', message })
  })

  test('may lie in a file, whose text no error shows', async () => {
    const pair = pairOf('P-256')
    const keysFile = join(tmpdir(), `plinth-keys-${process.pid}.json`)
    writeFileSync(keysFile, JSON.stringify({ keys: [pair.jwk] }))
    assert.equal(await roleOf(verifier({ keysFile }).verify, await sign('ES256', pair.privateKey)), 'web')
    writeFileSync(keysFile, 'hush{')
    assert.throws(
      () => verifier({ keysFile }),
      (error: Error) => !error.message.includes('hush') && /no JSON/.test(error.message),
    )
    assert.throws(() => verifier({ keysFile: `${keysFile}.none` }), { code: 'InvalidOption', message: /ENOENT/ })
  })

  test('has one place, and a URL is https or on this machine', () => {
    const secret = 'x'.repeat(32)
    assert.throws(() => verifier({}), { code: 'InvalidOption', message: /names 0 places/ })
    assert.throws(() => verifier({ secret, keysUrl: 'https://a/' }), {
      code: 'InvalidOption',
      message: /names 2 places/,
    })
    for (const keysUrl of ['http://keys.example/jwks', 'file:///etc/keys', 'http://127.0.0.1.example/', 'keys'])
      assert.throws(() => verifier({ keysUrl }), { code: 'InvalidOption', message: /https/ }, keysUrl)
  })
})

describe('keys of a URL', () => {
  const servers: Server[] = []
  after(() => {
    for (const server of servers) server.close()
  })

  async function issuer(
    answer: () => string,
  ): Promise<{ keysUrl: string; asked: () => number; fail: (status: number) => void }> {
    let [asked, status] = [0, 200]
    const server = createServer((_request, response) => {
      asked++
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(answer())
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    return { keysUrl: `http://127.0.0.1:${port}/jwks`, asked: () => asked, fail: (code) => (status = code) }
  }

  test('rotate: the new key counts at once, the old one no longer than its overlap', async () => {
    const [old, next] = [pairOf('P-256', { kid: 'old' }), pairOf('P-256', { kid: 'next' })]
    let published = [old.jwk]
    const { keysUrl, asked } = await issuer(() => JSON.stringify({ keys: published }))
    const { verify } = verifier({ keysUrl })
    const before = await sign('ES256', old.privateKey, 'old')
    await Promise.all([verify(before), verify(before)])
    assert.equal(asked(), 1, 'callers at the same time share one fetch')
    time += minute
    published = [next.jwk, old.jwk]
    assert.equal(await roleOf(verify, await sign('ES256', next.privateKey, 'next')), 'web')
    assert.equal(asked(), 2)
    assert.equal(await roleOf(verify, before), 'web')
    published = [next.jwk]
    time += 10 * minute
    // One that comes while the set is fetched is still verified by the one before.
    await verify(await sign('ES256', next.privateKey, 'next'))
    while (asked() < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    time += minute
    await assert.rejects(verify(await sign('ES256', old.privateKey, 'old')), refusal('PGRST301'))
    await assert.rejects(verify(before), refusal('PGRST301'), 'a remembered token of the old key')
  })

  test('are not asked for again and again by tokens that name keys of nobody', async () => {
    const pair = pairOf('P-256', { kid: 'one' })
    const { keysUrl, asked } = await issuer(() => JSON.stringify({ keys: [pair.jwk] }))
    const { verify } = verifier({ keysUrl })
    await verify(await sign('ES256', pair.privateKey, 'one'))
    for (let n = 0; n < 20; n++) await assert.rejects(verify(await sign('ES256', pair.privateKey, `x${n}`)), refused)
    assert.equal(asked(), 1)
  })

  test('that cannot be had are 503 and told, and the last set counts for an hour', async () => {
    const pair = pairOf('P-256')
    const { keysUrl, asked, fail } = await issuer(() => JSON.stringify({ keys: [pair.jwk] }))
    const { verify, reported } = verifier({ keysUrl })
    const token = await sign('ES256', pair.privateKey, undefined, { exp: Math.floor(time / 1000) + 90_000 })
    const away = { status: 503, headers: { 'retry-after': '5' } }
    fail(500)
    await assert.rejects(verify(token), away)
    await assert.rejects(verify(token), away)
    assert.deepEqual([asked(), reported.length], [1, 1], 'nobody asks a failing issuer at every request')
    fail(200)
    time += minute
    assert.equal(await roleOf(verify, token), 'web')
    fail(500)
    time += 59 * minute
    assert.equal(await roleOf(verify, token), 'web')
    while (reported.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    time += 2 * minute
    await assert.rejects(verify(token), away)
  })

  test('outlive settings that are read anew while the issuer is away, and are read again when it is back', async () => {
    const [old, next] = [pairOf('P-256', { kid: 'old' }), pairOf('P-256', { kid: 'next' })]
    let keys = [old.jwk]
    const { keysUrl, fail } = await issuer(() => JSON.stringify({ keys }))
    const published = new PublishedKeys()
    const [token, newer] = [await sign('ES256', old.privateKey, 'old'), await sign('ES256', next.privateKey, 'next')]
    const { verify: first, reported } = verifier({ keysUrl }, { published })
    assert.equal(await roleOf(first, token), 'web')
    fail(500)
    time += minute
    const { verify } = verifier({ keysUrl }, { published })
    assert.equal(await roleOf(verify, token), 'web')
    while (reported.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(await roleOf(verify, token), 'web')
    keys = [next.jwk]
    fail(200)
    time += minute
    assert.equal(await roleOf(verify, newer), 'web')
    await assert.rejects(verify(token), refusal('PGRST301'))
    const elsewhere = await issuer(() => JSON.stringify({ keys: [old.jwk] }))
    await assert.rejects(verifier({ keysUrl: elsewhere.keysUrl }, { published }).verify(newer), refusal('PGRST301'))
  })

  test('that are too many bytes, hold a shared secret, or redirect are not taken', async () => {
    const pair = pairOf('P-256')
    const oct = { kty: 'oct', k: randomBytes(32).toString('base64url') }
    const token = await sign('ES256', pair.privateKey)
    for (const text of [
      JSON.stringify({ keys: [pair.jwk], more: 'x'.repeat(300_000) }),
      JSON.stringify({ keys: [pair.jwk, oct] }),
    ]) {
      const { verify, reported } = verifier({ keysUrl: (await issuer(() => text)).keysUrl })
      await assert.rejects(verify(token), { status: 503 })
      assert.equal(reported.length, 1)
    }
    const moved = await issuer(() => JSON.stringify({ keys: [pair.jwk] }))
    moved.fail(302)
    await assert.rejects(verifier({ keysUrl: moved.keysUrl }).verify(token), { status: 503 })
  })
})

describe('a remembered token', () => {
  const secret = randomBytes(32)

  test('dies at its exp and the tolerance, and not before', async () => {
    const { verify } = verifier({ secret, clockToleranceSeconds: 10 })
    const token = await sign('HS256', secret, undefined, { exp: Math.floor(time / 1000) + 60 })
    assert.equal(await roleOf(verify, token), 'web')
    time += 69_000
    assert.equal(await roleOf(verify, token), 'web')
    time += 1_000
    const expired = refusal('PGRST303', 'JWT expired')
    await assert.rejects(verify(token), expired)
    await assert.rejects(verifier({ secret, clockToleranceSeconds: 10 }).verify(token), expired)
  })

  test('is the whole token: one with the same start and another signature is not it', async () => {
    const { verify } = verifier({ secret })
    const token = await sign('HS256', secret)
    await verify(token)
    await assert.rejects(verify(token.slice(0, -1) + (token.endsWith('A') ? 'E' : 'A')), refusal('PGRST301'))
    await assert.rejects(verify(token.split('.').with(1, 'e30').join('.')), refusal('PGRST301'))
  })

  test('gives way when there are too many, and none is kept with 0', async () => {
    for (const cacheEntries of [2, 0]) {
      const { verify } = verifier({ secret, cacheEntries })
      for (let n = 0; n < 5; n++)
        assert.equal(await roleOf(verify, await sign('HS256', secret, undefined, { n })), 'web')
    }
    assert.throws(() => verifier({ secret, cacheEntries: -1 }), { code: 'InvalidOption' })
  })
})

describe('as PostgREST', () => {
  const secret = randomBytes(32)

  test('a token needs no exp, and an audience counts only where both name one', async () => {
    const open = verifier({ secret, requireExpiry: false }, { isPostgrest: true })
    const strict = verifier({ secret, requireExpiry: false, audience: 'hub' }, { isPostgrest: true })
    for (const aud of [undefined, null, [], 'hub', ['x', 'hub']])
      assert.equal(await roleOf(strict.verify, await sign('HS256', secret, undefined, { aud, exp: undefined })), 'web')
    assert.equal(await roleOf(open.verify, await sign('HS256', secret, undefined, { aud: 'other' })), 'web')
    const wrong = await sign('HS256', secret, undefined, { aud: 'other' })
    await assert.rejects(strict.verify(wrong), refusal('PGRST303', 'JWT not in audience'))
    const typed = await sign('HS256', secret, undefined, { aud: [1, 'hub'] })
    await assert.rejects(
      open.verify(typed),
      refusal('PGRST303', "The JWT 'aud' claim must be a string or an array of strings"),
    )
  })
})

describe('the claims PostgreSQL is told', () => {
  const secret = randomBytes(32)

  test('are those that were signed, to the last digit, with the role that was taken', async () => {
    const { verify } = verifier({ secret, roleClaim: '$.app.roles[0]', requireExpiry: false })
    const claims = '{"app":{"roles":["web"]},"id":12345678901234567890}'
    const caller = await verify(signedToken(claims, { secret }))
    assert.equal(caller.claims, '{"role":"web","app":{"roles":["web"]},"id":12345678901234567890}')
    const other = await verify(
      await sign('HS256', secret, undefined, { role: 'x', app: { roles: ['web'] }, exp: undefined }),
    )
    assert.equal(JSON.parse(other.claims).role, 'web')
  })

  test('must hold what is required of them', async () => {
    const { verify } = verifier({ secret, requiredClaims: ['jti'], issuer: 'login' })
    await assert.rejects(verify(await sign('HS256', secret)), refusal('PGRST303', "The JWT 'jti' claim is missing"))
    const named = { jti: 'a', iss: 'login' }
    assert.equal(await roleOf(verify, await sign('HS256', secret, undefined, named)), 'web')
    await assert.rejects(
      verify(await sign('HS256', secret, undefined, { jti: 'a' })),
      refusal('PGRST303', "The JWT 'iss' claim is missing"),
    )
  })
})
