import assert from 'node:assert/strict'
import { type IncomingMessage, request } from 'node:http'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'node:test'
import { createDatabase, type DatabaseOptions } from 'plinth'
import { startFaultProxy } from 'plinth/testing'
import { ask, hashed, testHub } from './support/hub.ts'
import { until } from './support/until.ts'

const hub = testHub()
const checks = ['connection pass', 'writable pass', 'pool pass', 'catalog pass']

async function databaseUrl(): Promise<string> {
  const [row] = await hub.sql('select current_database()::text as name')
  const url = new URL(process.env['PLINTH_TEST_DATABASE_URL'] ?? '')
  url.pathname = `/${String(row?.['name'])}`
  return url.href
}

interface Told {
  readonly status: number
  readonly retryAfter: string | null
  readonly body: any
}

async function get(url: string): Promise<Told> {
  const response = await fetch(url)
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() }
}

function namesOf(told: Told): string[] {
  return told.body.checks.map((check: { name: string; status: string }) => `${check.name} ${check.status}`)
}

const options: Partial<DatabaseOptions> = { pool: { max: 2 } }

describe('the admin port', () => {
  test('says live, ready and how the database is', async () => {
    await using database = createDatabase({ ...options, url: await databaseUrl() })
    await using watched = hub.another({ database, admin: { port: 0 } })
    await watched.listen({ port: 0 })
    const { adminUrl = '' } = watched
    assert.match(adminUrl, /^http:\/\/127\.0\.0\.1:/)
    assert.deepEqual(await get(`${adminUrl}/live`), { status: 200, retryAfter: null, body: { status: 'up' } })
    const ready = await get(`${adminUrl}/ready?verbose`)
    assert.deepEqual([ready.status, ready.retryAfter, ready.body.status], [200, null, 'up'])
    assert.deepEqual(namesOf(ready), checks)
    assert.equal('pool' in ready.body, false)
    const health = await get(`${adminUrl}/health`)
    assert.deepEqual([health.status, health.body.status, namesOf(health)], [200, 'up', checks])
    assert.deepEqual([health.body.pool.max, health.body.server.role], [2, 'primary'])
    assert.equal((await get(`${adminUrl}/users`)).status, 404)
    await database.close()
    assert.equal((await get(`${adminUrl}/live`)).status, 200)
    const closed = await get(`${adminUrl}/ready`)
    assert.deepEqual([closed.status, closed.retryAfter, closed.body.status], [503, '5', 'down'])
    const answer = await ask(watched, 'GET', '/users')
    assert.deepEqual([answer.status, answer.json.code, answer.headers.get('retry-after')], [503, 'PGRST000', '1'])
  })

  test('asks the database for nothing when asked for live, and once for a heap of ready', async () => {
    await using proxy = await startFaultProxy(await databaseUrl())
    await using database = createDatabase({ ...options, url: proxy.url })
    await using watched = hub.another({ database, admin: { port: 0 } })
    await watched.listen({ port: 0 })
    const { adminUrl = '' } = watched
    proxy.mark()
    await Promise.all(Array.from({ length: 20 }, () => get(`${adminUrl}/live`)))
    assert.deepEqual([proxy.accepted, proxy.roundTrips], [0, 0])
    await Promise.all(Array.from({ length: 20 }, () => get(`${adminUrl}/ready`)))
    assert.equal(proxy.accepted, 1, 'the probe has a connection of its own')
  })

  test('answers while the hub still waits for its database, and is gone when that fails', async () => {
    await using proxy = await startFaultProxy(await databaseUrl())
    proxy.become('refuse')
    await using database = createDatabase({ ...options, url: proxy.url })
    await using watched = hub.another({ database, admin: { port: 0 } })
    const listening = watched.listen({ port: 0 })
    const adminUrl = await until(async () => watched.adminUrl)
    assert.equal((await get(`${adminUrl}/live`)).status, 200)
    const waiting = await get(`${adminUrl}/ready`)
    assert.deepEqual([waiting.status, waiting.retryAfter, namesOf(waiting).at(-1)], [503, '5', 'catalog fail'])
    proxy.heal()
    await listening
    await until(async () => (await get(`${adminUrl}/ready`)).status === 200)

    const refused = createDatabase({ ...options, url: proxy.url })
    await refused.close()
    const never = hub.another({ database: refused, admin: { port: 0 } })
    await assert.rejects(never.listen({ port: 0 }), { code: 'DatabaseClosed' })
    assert.equal(never.adminUrl, undefined)
  })
})

describe('what tells of the inside', () => {
  const secrets = {
    key: hashed('an own key'),
    run: 'the run key in clear',
    jwt: 'a secret of thirty-two bytes or more',
    url: 'hidden-password',
  }

  test('is the settings without a secret, and the catalog', async () => {
    const services = { backend: { role: hub.roles.backend, keys: [secrets.key], jwtSubject: 'backend' } }
    const jwt = { secret: secrets.jwt, issuer: 'login' }
    await using watched = hub.another({ services, jwt, runKey: secrets.run, limits: { nodes: 7 }, admin: { port: 0 } })
    await watched.listen({ port: 0 })
    const config = await get(`${watched.adminUrl}/config`)
    assert.deepEqual([config.status, config.body.limits, config.body.jwt.issuer], [200, { nodes: 7 }, 'login'])
    assert.deepEqual(config.body.services.backend, { role: hub.roles.backend, jwtSubject: 'backend', keys: ['***'] })
    const text = JSON.stringify(config.body)
    for (const secret of Object.values(secrets)) assert.ok(!text.includes(secret.replace('sha256:', '')), secret)
    const { body } = await get(`${watched.adminUrl}/schema_cache`)
    assert.deepEqual(body.schemas, ['public'])
    assert.equal(body.relations.public.users.columns.id.type, 'bigint')
    assert.deepEqual(Object.keys(body.relations.public['odd "table'].columns).includes('__proto__'), true)
  })

  test('shows no key and no login of a URL', async () => {
    const keysUrl = `http://user:${secrets.url}@127.0.0.1:1/jwks?token=${secrets.url}`
    const keys = { kty: 'oct', k: Buffer.from(secrets.jwt).toString('base64url') }
    for (const jwt of [{ keysUrl }, { keys }]) {
      await using watched = hub.another({ jwt, admin: { port: 0 } })
      await watched.listen({ port: 0 })
      const text = JSON.stringify((await get(`${watched.adminUrl}/config`)).body)
      for (const secret of [secrets.url, keys.k]) assert.ok(!text.includes(secret), text)
    }
  })

  test('is for this machine, by its own name', async () => {
    await using watched = hub.another({ admin: { port: 0, host: '0.0.0.0' } })
    await watched.listen({ port: 0 })
    const { port } = new URL(watched.adminUrl ?? '')
    assert.equal((await get(`http://127.0.0.1:${port}/config`)).status, 200)
    assert.equal((await get(`http://localhost:${port}/schema_cache`)).status, 200)
    assert.equal(await statusCalledAs('rebound.example', Number(port)), 403)
    const elsewhere = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)
    if (elsewhere === undefined) return
    for (const path of ['/config', '/schema_cache'])
      assert.equal((await get(`http://${elsewhere.address}:${port}${path}`)).status, 403)
    assert.equal((await get(`http://${elsewhere.address}:${port}/live`)).status, 200)
  })
})

async function statusCalledAs(host: string, port: number): Promise<number | undefined> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/config', headers: { host } }, resolve).on('error', reject).end()
  })
  response.resume()
  return response.statusCode
}
