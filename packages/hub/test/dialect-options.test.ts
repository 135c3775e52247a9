import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Dialect, Hub } from '@plinth/hub'
import { ask, testHub } from './support/hub.ts'

const hub = testHub()
const speaking = (dialect: Partial<Dialect>): Hub => hub.another({ dialect })

describe('rows at most', () => {
  test('cut an answer, and the answer says so', async () => {
    const cut = speaking({ maxRows: 2 })
    for (const [path, status, range] of [
      ['/users?select=id', 206, '0-1/*'],
      ['/users?select=id&limit=3', 206, '0-1/*'],
      ['/users?select=id&limit=1', 200, '0-0/*'],
      ['/users?select=id&limit=2', 200, '0-1/*'],
      ['/users?select=id&id=eq.1', 200, '0-0/*'],
      ['/rpc/ids', 206, '0-1/*'],
    ] as const) {
      const { status: found, headers, json } = await ask(cut, 'GET', path)
      assert.deepEqual([found, headers.get('content-range')], [status, range], path)
      assert.ok(json.length <= 2)
    }
    const counted = await ask(cut, 'GET', '/users?select=id', { headers: { prefer: 'count=exact' } })
    assert.deepEqual([counted.status, counted.headers.get('content-range')], [206, '0-1/5'])
  })

  test('cut no write and nothing that it gives back', async () => {
    const headers = { prefer: 'return=representation' }
    const cut = speaking({ maxRows: 2 })
    const { status, json } = await ask(cut, 'PATCH', '/users?select=id', { body: { active: true }, headers })
    assert.deepEqual([status, json.length], [200, 5])
  })

  test('are told only to who counts where the hub stands in for PostgREST', async () => {
    const cut = speaking({ maxRows: 2, isPostgrest: true })
    const { status, json } = await ask(cut, 'GET', '/users?select=id')
    assert.deepEqual([status, json.length], [200, 2])
    const counted = await ask(cut, 'HEAD', '/users', { headers: { prefer: 'count=exact' } })
    assert.deepEqual([counted.status, counted.headers.get('content-range')], [206, '0-1/5'])
  })
})

describe('a page of another site', () => {
  const asked = { origin: 'https://shop.example', 'access-control-request-method': 'POST' }

  test('of any site may read an answer, and sends no cookies', async () => {
    const { headers } = await ask(hub.hub, 'GET', '/users?limit=1', { headers: { origin: asked.origin } })
    assert.equal(headers.get('access-control-allow-origin'), '*')
    assert.equal(headers.get('access-control-allow-credentials'), null)
  })

  test('must be of a site that is named, where some are', async () => {
    const named = speaking({ corsOrigins: ['https://shop.example'] })
    for (const [origin, allowed] of [
      ['https://shop.example', 'https://shop.example'],
      ['https://shop.example.evil', null],
      ['http://shop.example', null],
      ['null', null],
    ] as const) {
      const before = await ask(named, 'OPTIONS', '/users', { key: null, headers: { ...asked, origin } })
      const { headers } = await ask(named, 'GET', '/users?limit=1', { headers: { origin } })
      const { headers: about } = await ask(named, 'OPTIONS', '/users', { headers: { origin } })
      for (const one of [before.headers, headers, about]) {
        assert.equal(one.get('access-control-allow-origin'), allowed, origin)
        assert.equal(one.get('access-control-allow-credentials'), allowed && 'true', origin)
      }
      assert.equal(before.status, allowed === null ? 401 : 200)
    }
  })

  test('is told of no header that is none', async () => {
    const headers = { ...asked, 'access-control-request-headers': 'x-one, <b>, x two, prefer' }
    const { headers: answered } = await ask(hub.hub, 'OPTIONS', '/users', { key: null, headers })
    assert.match(answered.get('access-control-allow-headers') ?? '', /^Authorization, x-one, prefer, Accept/)
  })
})

describe('the head of an answer', () => {
  test('has the header back by which a request is followed, an error too', async () => {
    const traced = speaking({ traceHeader: 'X-Request-Id' })
    for (const path of ['/users?limit=1', '/nowhere']) {
      const { headers } = await ask(traced, 'GET', path, { headers: { 'x-request-id': 'one' } })
      assert.equal(headers.get('x-request-id'), 'one')
    }
    assert.equal((await ask(traced, 'GET', '/users')).headers.get('x-request-id'), null)
    assert.equal(
      (await hub.ask('GET', '/users', { headers: { 'x-request-id': 'one' } })).headers.get('x-request-id'),
      null,
    )
  })

  test('tells the time of each phase where it is asked to', async () => {
    const timed = speaking({ hasServerTiming: true })
    const { headers } = await ask(timed, 'GET', '/users?limit=1')
    const phases = (headers.get('server-timing') ?? '').split(', ').map((phase) => phase.replace(/;dur=\d+\.\d$/, ''))
    assert.deepEqual(phases, ['jwt', 'parse', 'plan', 'transaction', 'response'])
    assert.equal((await hub.ask('GET', '/users')).headers.get('server-timing'), null)
  })
})

describe('the root', () => {
  test("is a function's answer where one is named", async () => {
    const rooted = speaking({ rootFunction: { name: 'first_user' } })
    const { status, json } = await ask(rooted, 'GET', '/')
    assert.deepEqual([status, json.name], [200, 'Ada'])
    await hub.sql(`create schema home; create function home.page() returns text language sql as $$ select 'at home' $$;
      grant usage on schema home to ${hub.roles.backend}`)
    const options = { schemas: ['public', 'home'], dialect: { rootFunction: { schema: 'home', name: 'page' } } }
    assert.equal((await ask(hub.another(options), 'GET', '/')).json, 'at home')
    const { status: none, json: refused } = await ask(speaking({ openApi: 'disabled' }), 'GET', '/')
    assert.deepEqual([none, refused.code], [404, 'PGRST126'])
  })

  test('says that a token is sent, and as PostgREST only where it is told to', async () => {
    for (const [dialect, says] of [
      [{}, true],
      [{ isPostgrest: true }, false],
      [{ isPostgrest: true, hasOpenApiSecurity: true }, true],
    ] as const) {
      const { json } = await ask(speaking(dialect), 'GET', '/')
      assert.equal(json.security !== undefined && json.components.securitySchemes !== undefined, says)
    }
  })
})
