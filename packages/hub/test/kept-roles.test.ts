import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keys, testHub } from './support/hub.ts'
import { callers, loudChanges, loudTables, quietTables } from './support/quiet.ts'

const hub = testHub(({ anonymous }) => ({ anonymousRole: anonymous }), quietTables)
/** Every request follows another on the one connection there is. */
const narrow = testHub(({ anonymous }) => ({ anonymousRole: anonymous, runKey: 'run-key' }), quietTables, { max: 1 })
/** Functions that leave something on the session. */
const loud = testHub(({ anonymous }) => ({ anonymousRole: anonymous }), loudTables, { max: 1 })

describe('where nothing reads the request', () => {
  test('each request runs as its own role, whatever ran on the connection before', async () => {
    for (const round of [1, 2])
      for (const [key, role] of callers(narrow))
        assert.equal((await narrow.ask('GET', '/rpc/who', { key })).json, role, `round ${round}`)
    assert.equal((await narrow.ask('GET', '/rpc/who', { key: 'run-key' })).json, narrow.roles.login)
    assert.equal((await narrow.ask('GET', '/rpc/who', { key: null })).json, narrow.roles.anonymous)
  })

  // Its own text must not name what would make the hub say it each time.
  test('a role is said once for the reads that follow', async () => {
    const uses = async (): Promise<number> => (await narrow.ask('POST', '/rpc/uses')).json
    const before = await uses()
    for (let i = 0; i < 8; i++) assert.equal((await narrow.ask('GET', '/notes')).status, 200)
    // Once for the reads and once for the call, and once more where a second has passed.
    assert.ok((await uses()) - before <= 3)
  })

  test('a failed request leaves nothing to the next one', async () => {
    for (const key of [keys.server, null]) {
      assert.equal((await narrow.ask('POST', '/notes', { key, body: { body: 'x' } })).json.code, '42501')
      const { json } = await narrow.ask('POST', '/rpc/write', { key: keys.backend })
      assert.equal(json, narrow.roles.backend)
    }
  })

  test('a GET changes nothing, first or later on its connection, and a POST after it does', async () => {
    for (let i = 0; i < 3; i++) {
      assert.equal((await narrow.ask('GET', '/rpc/write')).json.code, '25006')
      assert.equal((await narrow.ask('GET', '/rpc/who')).status, 200)
      assert.equal((await narrow.ask('POST', '/rpc/write')).status, 200)
    }
  })

  test('the schema of the request is what functions search first', async () => {
    assert.deepEqual((await hub.ask('GET', '/rpc/path')).json, ['public'])
  })

  test('what begins to read it is told of it as soon as the schema is read anew', async () => {
    await narrow.ask('GET', '/rpc/who')
    await narrow.sql(`create function method() returns text language sql stable as
      $f$ select current_setting('request.method', true) $f$`)
    await narrow.hub.reloadSchema()
    assert.equal((await narrow.ask('GET', '/rpc/method')).json, 'GET')
    await narrow.sql('drop function method()')
    await narrow.hub.reloadSchema()
  })

  test('many at once each run as their own role', async () => {
    const all = callers(hub)
    const asked = Array.from({ length: 300 }, async (_, i) => {
      const [key, role] = all[(i * 7) % all.length] ?? [null, '']
      if (i % 10 === 9) assert.equal((await hub.ask('GET', '/rpc/write', { key })).json.code, '25006')
      else assert.equal((await hub.ask(i % 3 ? 'GET' : 'POST', '/rpc/who', { key })).json, role)
    })
    await Promise.all(asked)
  })
})

describe('what a function leaves on the session', () => {
  for (const name of loudChanges.keys())
    test(`${name} does not reach the next request`, async () => {
      const before = (await loud.ask('GET', '/rpc/seen')).json
      for (const [path, key] of [
        [`/rpc/${name}`, keys.backend],
        [`/views_${name}`, keys.server],
      ] as const) {
        const { status, text } = await loud.ask('GET', path, { key })
        assert.equal(status, 200, text)
        assert.deepEqual((await loud.ask('GET', '/rpc/seen')).json, before, path)
        assert.equal((await loud.ask('GET', '/rpc/seen', { key: null })).json.role, loud.roles.anonymous)
      }
    })

  test('is not there where it came too late to be looked for', async () => {
    await narrow.ask('GET', '/rpc/who')
    await narrow.sql(`create or replace function who() returns text language plpgsql as
      $f$ declare r text := current_user; begin perform set_config('role', 'none', false); return r; end $f$`)
    for (let i = 0; i < 3; i++) assert.equal((await narrow.ask('GET', '/rpc/who')).json, narrow.roles.backend)
  })
})
