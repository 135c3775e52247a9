import assert from 'node:assert/strict'
import { createSign, generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { codeOf, keys, testHub } from './support/hub.ts'
import { encode, signedToken, soon } from './support/token.ts'

const secret = 'a secret of at least thirty-two bytes'
/** Long enough for HS512 too, so that only the algorithm is wrong. */
const longSecret = secret.repeat(3)
const hub = testHub(() => ({ jwt: { secret } }))

function token(claims: unknown, header: unknown = { alg: 'HS256', typ: 'JWT' }, key = secret, hash = 'sha256'): string {
  return signedToken(claims, { secret: key, header, hash })
}

const claims = (): Record<string, unknown> => ({ role: hub.roles.backend, sub: 'one', exp: soon })

async function statusOf(bearer: string, from = hub.hub): Promise<readonly [number, string]> {
  const response = await from.handle(
    new Request('http://hub/users?limit=1', { headers: { authorization: `Bearer ${bearer}` } }),
  )
  return [response.status, await codeOf(response)]
}

describe('a token', () => {
  test('acts as the role it names, and policies read its claims', async () => {
    const answer = await hub.ask('GET', '/owned?select=body', { key: token(claims()) })
    assert.deepEqual(answer.json, [{ body: 'mine' }])
    const other = await hub.ask('GET', '/owned?select=body', { key: token({ ...claims(), sub: 'two' }) })
    assert.deepEqual(other.json, [{ body: 'theirs' }])
    assert.equal((await hub.ask('GET', '/invoices', { key: token(claims()) })).status, 403)
  })

  test('stands beside service keys', async () => {
    assert.equal((await hub.ask('GET', '/users?limit=1', { key: keys.backend })).status, 200)
  })

  test('naming a role that is not there is 401, and one that may not be taken 403', async () => {
    assert.deepEqual(await statusOf(token({ ...claims(), role: 'no_such_role' })), [401, '22023'])
    assert.deepEqual(await statusOf(token({ ...claims(), role: 'postgres' })), [403, '42501'])
  })

  test('naming a role outside the configured list is refused before the database', async () => {
    const strict = hub.another({ jwt: { secret, roles: [hub.roles.server] } })
    assert.deepEqual(await statusOf(token(claims()), strict), [401, 'PGRST303'])
    assert.equal((await statusOf(token({ ...claims(), role: hub.roles.server }), strict))[0], 403)
  })

  test('without a role is the anonymous caller, and nobody where there is none', async () => {
    const { role: _, ...rest } = claims()
    assert.deepEqual(await statusOf(token(rest)), [401, 'PGRST302'])
    const open = hub.another({ jwt: { secret }, anonymousRole: hub.roles.anonymous })
    assert.equal(
      (await open.handle(new Request('http://hub/adults', { headers: { authorization: `Bearer ${token(rest)}` } })))
        .status,
      200,
    )
    const refused = await open.handle(
      new Request('http://hub/users', { headers: { authorization: `Bearer ${token(rest)}` } }),
    )
    assert.equal(refused.status, 401, 'another token may do more')
  })
})

describe('a token is refused', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const good = (): string => token(claims())
  const [head, body, signature] = [0, 1, 2].map((part) => () => good().split('.')[part] ?? '') as [
    () => string,
    () => string,
    () => string,
  ]
  const withHeader = (more: object): string => token(claims(), { alg: 'HS256', ...more })
  const withClaims = (more: object): string => token({ ...claims(), ...more })
  const bad: readonly (readonly [string, () => string])[] = [
    ['with alg none', () => `${encode({ alg: 'none' })}.${body()}.`],
    ['with alg NoNe and a signature', () => token(claims(), { alg: 'NoNe' })],
    ['with an empty signature', () => `${head()}.${body()}.`],
    ['signed by another secret', () => token(claims(), undefined, 'another secret of thirty-two bytes!!')],
    ['signed by HS256 with a public key', () => token(claims(), { alg: 'HS256' }, pem)],
    [
      'claiming RS256',
      () => {
        const signed = `${encode({ alg: 'RS256' })}.${encode(claims())}`
        return `${signed}.${createSign('sha256').update(signed).sign(privateKey).toString('base64url')}`
      },
    ],
    ['claiming HS512', () => token(claims(), { alg: 'HS512' }, longSecret, 'sha512')],
    ['without alg', () => token(claims(), { typ: 'JWT' })],
    ['with a header that is no JSON', () => token(claims(), 'nonsense')],
    ['with a header that is null', () => token(claims(), 'null')],
    ['bringing its own key', () => withHeader({ jwk: { kty: 'oct', k: encode(secret) } })],
    ['bringing a key URL', () => withHeader({ jku: 'http://127.0.0.1/keys' })],
    ['bringing a certificate URL', () => withHeader({ x5u: 'http://127.0.0.1/keys' })],
    ['with an unknown crit', () => withHeader({ crit: ['later'], later: true })],
    ['with a kid that no key has', () => withHeader({ kid: 'key-1' })],
    ['with a kid that is a path', () => withHeader({ kid: '../../dev/null' })],
    ['with a kid that is SQL', () => withHeader({ kid: "' union select 'x" })],
    ['with a kid that is no text', () => withHeader({ kid: { a: 1 } })],
    ['past its exp', () => withClaims({ exp: soon - 1200 })],
    ['with a text as exp', () => withClaims({ exp: String(soon) })],
    ['with a fraction as exp', () => withClaims({ exp: soon + 0.5 })],
    ['with exp null', () => withClaims({ exp: null })],
    ['with exp too large for a number', () => token(`{"role":"${hub.roles.backend}","exp":1e400}`)],
    ['without exp', () => withClaims({ exp: undefined })],
    ['issued later than now', () => withClaims({ iat: soon })],
    ['before its nbf', () => withClaims({ nbf: soon })],
    ['with a text as nbf', () => withClaims({ nbf: '0' })],
    ['with an audience that is an object', () => withClaims({ aud: { a: 1 } })],
    ['naming an audience nobody configured', () => withClaims({ aud: 'somebody' })],
    ['with the role twice', () => token(`{"role":"x","exp":${soon},"role":"${hub.roles.backend}"}`)],
    [
      'with the role twice in two spellings',
      () => token(`{"role":"x","exp":${soon},"r\\u006fle":"${hub.roles.backend}"}`),
    ],
    ['with the alg twice', () => token(claims(), '{"alg":"none","alg":"HS256"}')],
    ['with role none', () => withClaims({ role: 'none' })],
    ['with an empty role', () => withClaims({ role: '' })],
    ['with a role that is a list', () => withClaims({ role: ['x'] })],
    ['with claims that are a list', () => token([1])],
    ['of two parts', () => `${head()}.${body()}`],
    ['of four parts', () => `${good()}.x`],
    ['with bytes after it', () => `${good()}AAAA`],
    ['with padding', () => `${good()}=`],
    ['with its signature in another place', () => `${signature()}.${body()}.${head()}`],
    ['of 100 kB', () => withClaims({ more: 'x'.repeat(100_000) })],
  ]
  for (const [name, make] of bad) {
    test(name, async () => {
      const chosen = name === 'claiming HS512' ? longSecret : secret
      const wide = hub.another({ jwt: { secret: chosen }, limits: { headerBytes: 1_000_000 } })
      const [status, code] = await statusOf(make(), wide)
      assert.equal(status, 401)
      assert.match(code, /^PGRST30[13]$/)
    })
  }

  test('and a good one beside them is not', async () => {
    assert.equal((await statusOf(good()))[0], 200)
  })

  test('by audience, issuer and key id where they are configured', async () => {
    const strict = hub.another({ jwt: { secret, audience: 'hub', issuer: 'login', keyId: 'k1' } })
    const full = { ...claims(), aud: ['hub', 'other'], iss: 'login' }
    assert.equal((await statusOf(token(full), strict))[0], 200)
    assert.equal((await statusOf(token(full, { alg: 'HS256', kid: 'k1' }), strict))[0], 200)
    for (const wrong of [
      { ...full, aud: 'other' },
      { ...full, aud: undefined },
      { ...full, iss: 'x' },
      { ...full, iss: undefined },
    ])
      assert.equal((await statusOf(token(wrong), strict))[0], 401)
    assert.equal((await statusOf(token(full, { alg: 'HS256', kid: 'k2' }), strict))[0], 401)
  })

  test('with what is wrong in WWW-Authenticate', async () => {
    const { headers, json } = await hub.ask('GET', '/users', { key: withClaims({ exp: 1 }) })
    assert.deepEqual([json.code, json.message], ['PGRST303', 'JWT expired'])
    assert.match(
      headers.get('www-authenticate') ?? '',
      /^Bearer error="invalid_token", error_description="JWT expired"$/,
    )
  })
})

test('a secret under 32 bytes stops the start', () => {
  assert.throws(() => hub.another({ jwt: { secret: 'x'.repeat(31) } }), { code: 'InvalidOption' })
})
