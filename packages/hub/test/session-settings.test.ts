import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defaultDialect } from '../src/dialect.ts'
import { type Asking, tell } from '../src/execution/session-settings.ts'
import type { Form } from '../src/postgrest/asked.ts'
import { ask, keys, testHub } from './support/hub.ts'
import type { Roles } from './support/sample.ts'

const hub = testHub(
  ({ anonymous }) => ({
    anonymousRole: anonymous,
    dialect: { preRequest: { schema: 'public', name: 'check_request' }, extraSearchPath: ['public', 'odd "path'] },
  }),
  ({ backend, server, anonymous }: Roles) => `
    create schema "odd ""path";
    create table seen (path text);
    create table counters (n int);
    insert into counters values (0);
    create function check_request() returns void language plpgsql security definer as $$
    begin
      if current_setting('request.headers', true)::json->>'x-refuse' is not null then
        insert into seen values ('undone');
        raise sqlstate 'PT403' using message = 'no';
      end if;
      if current_setting('transaction_read_only') = 'off' then
        insert into seen values (current_setting('request.path', true));
      end if;
    end $$;
    create function told() returns json language sql stable as $$
      select json_build_object('method', current_setting('request.method', true),
        'path', current_setting('request.path', true), 'headers', current_setting('request.headers', true)::json,
        'cookies', current_setting('request.cookies', true)::json, 'search_path', current_setting('search_path'),
        'claims', current_setting('request.jwt.claims', true)::json, 'role', current_user,
        'isolation', current_setting('transaction_isolation'), 'timeout', current_setting('statement_timeout'),
        'work_mem', current_setting('work_mem'), 'read_only', current_setting('transaction_read_only')) $$;
    create function add_one() returns int language plpgsql as $$
      declare was int;
      begin
        select n into was from counters;
        perform pg_sleep(0.02);
        update counters set n = was + 1;
        return was + 1;
      end $$;
    create function alone() returns text language sql set default_transaction_isolation = 'serializable'
      as 'select current_setting(''transaction_isolation'')';
    create function long() returns text language sql set statement_timeout = '5s' as 'select pg_sleep(1.1)::text';
    create function short() returns text language sql as 'select pg_sleep(5)::text';
    alter role ${server} set statement_timeout = '1s';
    alter role ${server} set work_mem = '5MB';
    alter role ${server} set default_transaction_isolation = 'repeatable read';
    grant all on counters to ${server}, ${backend};
    grant usage on schema "odd ""path" to ${anonymous};`,
)

describe('where something reads the request', () => {
  test('PostgreSQL is told of method, path, headers, cookies, claims, role and search path', async () => {
    const headers = { 'X-Own': 'Ä"', cookie: 'a=1; b=x=y' }
    const { json } = await hub.ask('GET', '/rpc/told?', { headers })
    assert.equal(json.method, 'GET')
    assert.equal(json.path, '/rpc/told')
    assert.equal(json.headers['x-own'], 'Ä"')
    assert.equal(json.headers.cookie, undefined)
    assert.deepEqual(json.cookies, { a: '1', b: 'x=y' })
    assert.equal(json.search_path, '"public", "public", "odd ""path"')
    assert.equal(json.role, hub.roles.backend)
    assert.equal(json.claims.role, hub.roles.backend)
    assert.equal(json.read_only, 'on')
  })

  test('nothing of a request is left for the next', async () => {
    await hub.ask('GET', '/rpc/told', { headers: { 'x-own': 'mine' } })
    const { json } = await hub.ask('GET', '/rpc/told', { key: null })
    assert.equal(json.headers['x-own'], undefined)
    assert.equal(json.role, hub.roles.anonymous)
  })

  test('the pre-request function runs in front, and is undone with what it refuses', async () => {
    await hub.ask('POST', '/rpc/add_one', { body: {} })
    assert.deepEqual(await hub.sql('select * from seen'), [{ path: '/rpc/add_one' }])
    const refused = await hub.ask('POST', '/rpc/add_one', { headers: { 'x-refuse': '1' }, body: {} })
    assert.equal(refused.status, 403)
    assert.deepEqual(await hub.sql('select * from seen'), [{ path: '/rpc/add_one' }])
    assert.deepEqual(await hub.sql('select n from counters'), [{ n: 1 }])
  })

  test('a role has the settings it was given, and another one has not', async () => {
    const { json } = await hub.ask('GET', '/rpc/told', { key: keys.server })
    assert.deepEqual([json.isolation, json.timeout, json.work_mem], ['repeatable read', '1s', '5MB'])
    const other = (await hub.ask('GET', '/rpc/told')).json
    assert.deepEqual([other.isolation, other.timeout], ['read committed', '30s'])
  })

  test('a transaction ends as the hub was told, and as the request says where it may', async () => {
    await hub.sql('update counters set n = 0')
    for (const [transactionEnd, prefer, kept] of [
      ['rollback', 'tx=commit', 0],
      ['rollback-allow-override', 'return=minimal', 0],
      ['rollback-allow-override', 'return=minimal, tx=commit', 1],
      ['commit-allow-override', 'tx=rollback', 1],
      ['commit-allow-override', 'tx=commit', 2],
      ['commit', 'tx=rollback', 3],
    ] as const) {
      await using other = hub.another({ dialect: { transactionEnd } })
      const { status } = await ask(other, 'POST', '/rpc/add_one', { body: {}, headers: { prefer } })
      assert.equal(status, 200)
      assert.deepEqual(await hub.sql('select n from counters'), [{ n: kept }], `${transactionEnd} ${prefer}`)
    }
  })

  test('a function has the level that it was given', async () => {
    assert.equal((await hub.ask('POST', '/rpc/alone', { body: {} })).json, 'serializable')
    assert.equal((await hub.ask('GET', '/rpc/alone')).json, 'serializable')
  })

  test("a function has the time that it was given, and one without has its role's", async () => {
    const [long, short] = await Promise.all(
      ['long', 'short'].map((name) => hub.ask('POST', `/rpc/${name}`, { key: keys.server, body: {} })),
    )
    assert.equal(long?.status, 200, long?.text)
    assert.equal(short?.json.code, '57014')
  })

  test('a request that lost a serialization conflict is run again', async () => {
    await hub.sql('update counters set n = 0')
    const asked = Array.from({ length: 3 }, () => hub.ask('POST', '/rpc/add_one', { key: keys.server, body: {} }))
    for (const { status, text } of await Promise.all(asked)) assert.equal(status, 200, text)
    assert.deepEqual(await hub.sql('select n from counters'), [{ n: 3 }])
  })
})

describe('what a request tells PostgreSQL', () => {
  const quiet = { readsRequest: false, setsResponse: false, changesSession: false, roles: new Map() }
  const form: Pick<Form, 'schema' | 'settings'> = { schema: 'api', settings: { transaction_read_only: 'on' } }
  const request = { method: 'GET', url: '/x', headers: new Map(), body: new Uint8Array() }
  const asking: Asking = { caller: { kind: 'anonymous', role: 'web', claims: '{}' }, form, request }
  const telling = { use: quiet, dialect: defaultDialect, timeoutMs: 5000 }

  test('is one object for the same role, schema and access, and another where one differs', () => {
    const kept = (one: Asking = asking): unknown => tell(one, telling).options.laneSettings
    assert.equal(kept(), kept({ ...asking }))
    assert.deepEqual(kept(), { search_path: '"api", "public"', default_transaction_read_only: 'on', role: 'web' })
    assert.notEqual(kept(), kept({ ...asking, caller: { kind: 'anonymous', role: 'other', claims: '{}' } }))
    assert.notEqual(kept(), kept({ ...asking, form: { ...form, schema: 'b' } }))
    assert.notEqual(kept(), kept({ ...asking, form: { ...form, settings: {} } }))
    assert.deepEqual(kept({ ...asking, caller: { kind: 'owner', claims: '{}' } }), {
      search_path: '"api", "public"',
      default_transaction_read_only: 'on',
    })
  })

  test('stays one object when there are as many as are kept', () => {
    const fresh = { ...telling, use: { ...quiet } }
    const kept = (role: string): unknown =>
      tell({ ...asking, caller: { kind: 'anonymous', role, claims: '{}' } }, fresh).options.laneSettings
    for (let n = 1; n < 1000; n++) kept(`role${n}`)
    const [last, first] = [kept('last'), kept('role1')]
    assert.deepEqual([kept('last') === last, kept('role1') === first], [true, true])
  })

  test('stays on no connection where something reads it, changes the session or goes in front', () => {
    for (const use of ['readsRequest', 'setsResponse', 'changesSession'] as const)
      assert.equal(tell(asking, { ...telling, use: { ...quiet, [use]: true } }).options.laneSettings, undefined, use)
    const dialect = { ...defaultDialect, preRequest: { name: 'f' } }
    assert.equal(tell(asking, { ...telling, dialect }).options.laneSettings, undefined)
    const undone = { ...asking, form: { ...form, isUndone: true as const } }
    assert.equal(tell(undone, telling).options.laneSettings, undefined)
    assert.equal(tell(undone, telling).options.end, 'rollback')
  })

  test('has the shortest time of the hub, the role and the function', () => {
    const limit = (statement_timeout: string): number | undefined => {
      const roles = new Map([['web', { statement_timeout }]])
      return tell(asking, { ...telling, use: { ...quiet, roles } }).options.timeoutMs
    }
    assert.deepEqual(['1s', '250', '2min', '0', '0.5s', 'nonsense'].map(limit), [1000, 250, 5000, 5000, 500, 5000])
    const roles = new Map([['web', { statement_timeout: '1s', default_transaction_isolation: 'serializable' }]])
    const ofFunction = {
      ...form,
      settings: { statement_timeout: '4s', default_transaction_isolation: 'repeatable read' },
    }
    const { options } = tell({ ...asking, form: ofFunction }, { ...telling, use: { ...quiet, roles } })
    assert.deepEqual([options.timeoutMs, options.isolation], [4000, 'repeatable read'])
  })
})
