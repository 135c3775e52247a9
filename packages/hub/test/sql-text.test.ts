import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createHub, type Hub } from '@plinth/hub'
import { hashed, keys, testHub } from './support/hub.ts'
import { recordStatements, type Sent } from './support/recorder.ts'

const hub = testHub()
const marker = 'canary\'"`\\;--/*$1'
const encoded = encodeURIComponent(marker)
const quoted = encodeURIComponent(`"${marker.replaceAll(/["\\]/g, '\\$&')}"`)

/** A hub whose statements are written down on their way to the real database. */
function recording(): { hub: Hub; sent: Sent[] } {
  const sent: Sent[] = []
  const database = recordStatements(hub.database, (one) => sent.push(one))
  const services = { backend: { role: hub.roles.backend, keys: [hashed(keys.backend)] } }
  return { hub: createHub({ database, services }), sent }
}

interface Place {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Every place of a request that its sender writes. */
const places: Readonly<Record<string, Place>> = {
  'the table': { path: `/${encoded}` },
  'a filter value': { path: `/users?name=eq.${encoded}` },
  'a quoted list value': { path: `/users?name=in.(${quoted},x)` },
  'a bare list value': { path: `/users?name=in.(${encodeURIComponent("canary'`;--$1")})` },
  'a pattern': { path: `/users?name=like.${encoded}` },
  'a nested value': { path: `/users?or=(name.eq.${quoted},id.eq.1)` },
  'a filter column': { path: `/users?${quoted}=eq.1` },
  'a nested column': { path: `/users?or=(${quoted}.eq.1)` },
  'a selected column': { path: `/users?select=${quoted}` },
  'an alias': { path: `/users?select=${quoted}:id` },
  'a cast': { path: `/users?select=id::${encoded}` },
  'an ordering column': { path: `/users?order=${quoted}.desc` },
  'a direction': { path: `/users?order=id.${encoded}` },
  'an operator': { path: `/users?id=${encoded}.1` },
  'a limit': { path: `/users?limit=${encoded}` },
  'an offset': { path: `/users?offset=${encoded}` },
  'a conflict column': {
    method: 'POST',
    path: `/users?on_conflict=${quoted}`,
    body: { name: 'x' },
    headers: { prefer: 'resolution=merge-duplicates' },
  },
  'the columns': { method: 'POST', path: `/users?columns=${quoted}`, body: { name: 'x' } },
  'a key of a row': { method: 'POST', path: '/users', body: { [marker]: 1 } },
  'a value of a row': { method: 'POST', path: '/notes', body: { body: marker } },
  'a set value': { method: 'PATCH', path: '/notes?id=eq.0', body: { body: marker } },
  'a set key': { method: 'PATCH', path: '/notes?id=eq.0', body: { [marker]: 1 } },
  'a returned column': { method: 'PATCH', path: `/notes?id=eq.0&select=${quoted}`, body: { body: 'x' } },
  'a function': { method: 'POST', path: `/rpc/${encoded}`, body: {} },
  'an argument': { method: 'POST', path: '/rpc/touch', body: { note: marker } },
  'a name of an argument': { method: 'POST', path: '/rpc/touch', body: { [marker]: 1 } },
  'an argument in the URL': { path: `/rpc/echo?data=${encoded}` },
  'a profile': { path: '/users', headers: { 'accept-profile': 'canary"; --' } },
  'a time zone': { path: '/users', headers: { prefer: `timezone=canary'"` } },
  'a range': { path: '/users', headers: { range: "canary'" } },
  'a preference': { path: '/users', headers: { prefer: "count=canary', canary" } },
  'a media type': { path: '/users', headers: { accept: "application/json, canary'/x" } },
  'another header': { path: '/users', headers: { 'x-canary': "canary'", cookie: "canary='" } },
  'the table of an operation': run({ target: { name: marker }, columns: 'all' }),
  'the schema of an operation': run({ target: { schema: marker, name: 'users' }, columns: 'all' }),
  'a column of an operation': run({ columns: [{ column: marker }] }),
  'an alias of an operation': run({ columns: [{ column: 'id', as: marker }] }),
  'a cast of an operation': run({ columns: [{ column: 'id', cast: marker }] }),
  'a value of an operation': run({ where: { kind: 'compare', column: 'name', operator: 'eq', value: marker } }),
  'an operator of an operation': run({ where: { kind: 'compare', column: 'name', operator: marker, value: 'x' } }),
  'a direction of an operation': run({ order: [{ column: 'id', direction: marker }] }),
  'a limit of an operation': run({ limit: marker }),
}

function run(part: Readonly<Record<string, unknown>>): Place {
  const operation = { kind: 'select', target: { name: 'users' }, columns: 'all', result: 'rows', ...part }
  return { method: 'POST', path: '/-/run', body: operation }
}

/** An alias is a name the sender gives; the only one that reaches SQL text, as a quoted identifier. */
const aliases = new Set(['an alias', 'an alias of an operation'])

describe('what the sender writes never becomes SQL', () => {
  for (const [place, { method = 'GET', path, headers = {}, body }] of Object.entries(places)) {
    test(`written as ${place}`, async () => {
      const recorder = recording()
      const response = await recorder.hub.handle(
        new Request(`http://hub${path}`, {
          method,
          headers: { authorization: `Bearer ${keys.backend}`, 'content-type': 'application/json', ...headers },
          body: body === undefined ? null : JSON.stringify(body),
        }),
      )
      assert.ok(response.status < 500, `${response.status} ${await response.clone().text()}`)
      for (const { text } of recorder.sent) {
        const rest = aliases.has(place) ? text.replaceAll(`"${marker.replaceAll('"', '""')}"`, '') : text
        assert.ok(!rest.includes('canary'), rest)
      }
    })
  }

  test('and values do reach PostgreSQL, as values', async () => {
    const recorder = recording()
    const headers = { authorization: `Bearer ${keys.backend}` }
    await recorder.hub.handle(new Request(`http://hub/users?name=eq.${encoded}`, { headers }))
    const last = recorder.sent.at(-1)
    assert.equal(last?.values[0], marker)
    assert.equal(last?.settings['role'], hub.roles.backend)
  })

  test('the same shape has the same text, whatever the values', async () => {
    const recorder = recording()
    const headers = { authorization: `Bearer ${keys.backend}` }
    for (const value of ['a', 'b'])
      await recorder.hub.handle(new Request(`http://hub/users?name=eq.${value}&limit=${value.length + 4}`, { headers }))
    const [first, second] = recorder.sent.slice(-2)
    assert.equal(first?.text, second?.text)
  })

  test('one request is one statement', async () => {
    const recorder = recording()
    const headers = {
      authorization: `Bearer ${keys.backend}`,
      prefer: 'count=exact',
      'content-type': 'application/json',
    }
    await recorder.hub.handle(new Request('http://hub/users', { headers }))
    const before = recorder.sent.length
    await recorder.hub.handle(new Request('http://hub/users?id=eq.1', { headers }))
    await recorder.hub.handle(new Request('http://hub/notes', { method: 'POST', headers, body: '{"body":"x"}' }))
    assert.equal(recorder.sent.length - before, 2)
  })
})
