import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keys, type TestHub, testHub } from './support/hub.ts'
import type { Roles } from './support/sample.ts'

/** Nothing in here reads a setting, so the hub keeps role and path on its connections. */
function quietTables({ backend, server }: Roles): string {
  return `
    create table notes (id int generated always as identity primary key, body text, writer text default current_user);
    create function who() returns text language sql stable as 'select current_user::text';
    create function path() returns text[] language sql stable as 'select current_schemas(false)::text[]';
    create function write() returns text language sql as 'insert into notes (body) values (''w'') returning writer';
    create function uses() returns bigint language sql volatile security definer as
      'select sum(generic_plans + custom_plans) from pg_prepared_statements where statement like ''%set'' || ''_config%''';
    grant select, insert on notes to ${backend};
    grant select on notes to ${server};`
}

const hub = testHub(({ anonymous }) => ({ anonymousRole: anonymous }), quietTables)
/** Every request follows another on the one connection there is. */
const narrow = testHub(({ anonymous }) => ({ anonymousRole: anonymous, runKey: 'run-key' }), quietTables, { max: 1 })

const callers = (from: TestHub): readonly (readonly [key: string | null, role: string])[] => [
  [keys.backend, from.roles.backend],
  [keys.server, from.roles.server],
  [null, from.roles.anonymous],
]

describe('where nothing reads the request', () => {
  test('each request runs as its own role, whatever ran on the connection before', async () => {
    for (const round of [1, 2])
      for (const [key, role] of callers(narrow))
        assert.equal((await narrow.ask('GET', '/rpc/who', { key })).json, role, `round ${round}`)
    assert.equal((await narrow.ask('GET', '/rpc/who', { key: 'run-key' })).json, narrow.roles.login)
    assert.equal((await narrow.ask('GET', '/rpc/who', { key: null })).json, narrow.roles.anonymous)
  })

  // Its own text must not name what would make the hub say it each time.
  test('a role is said once for the requests that follow', async () => {
    const uses = async (): Promise<number> => (await narrow.ask('POST', '/rpc/uses')).json
    const before = await uses()
    for (let i = 0; i < 5; i++) assert.equal(await uses(), before)
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
      assert.equal((await narrow.ask('POST', '/rpc/write')).status, 200)
    }
  })

  test('the schema of the request is what functions search first', async () => {
    assert.deepEqual((await hub.ask('GET', '/rpc/path')).json, ['public'])
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

  test('a role that was taken from the login is refused soon after', { timeout: 20_000 }, async () => {
    const { server, login } = narrow.roles
    assert.equal((await narrow.ask('GET', '/rpc/who', { key: keys.server })).status, 200)
    await narrow.sql(`revoke ${server} from ${login}`)
    for (;;) {
      const { status, json } = await narrow.ask('GET', '/rpc/who', { key: keys.server })
      if (status === 200) assert.equal(json, server)
      else {
        assert.equal(json.code, '42501')
        break
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.equal((await narrow.ask('GET', '/rpc/who')).json, narrow.roles.backend)
    await narrow.sql(`grant ${server} to ${login}`)
  })

  test('a connection that breaks takes its role along', async () => {
    const pids = await hub.sql('select pid from pg_stat_activity where usename = $1', [hub.roles.login])
    const asked = Array.from({ length: 60 }, async (_, i) => {
      if (i === 20) for (const { pid } of pids) await hub.sql('select pg_terminate_backend($1)', [pid])
      const [key, role] = callers(hub)[i % 3] ?? [null, '']
      assert.equal((await hub.ask('GET', '/rpc/who', { key })).json, role)
    })
    await Promise.all(asked)
    for (const [key, role] of callers(hub)) assert.equal((await hub.ask('GET', '/rpc/who', { key })).json, role)
  })
})
