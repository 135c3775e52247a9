import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { createHub } from '@plinth/hub'
import { codeOf, hashed, keys, testHub } from './support/hub.ts'

const hub = testHub()
const call = (name: string, body: unknown, headers: Record<string, string> = {}): ReturnType<typeof hub.ask> =>
  hub.ask('POST', `/rpc/${name}`, { body, headers })

const jsonHeaders = { 'content-type': 'application/json', authorization: `Bearer ${keys.backend}` }

describe('a function', () => {
  test('is called by the names of its arguments, defaults left out', async () => {
    const answer = await call('add', { b: 5, a: 1 })
    assert.deepEqual([answer.status, answer.text, answer.headers.get('content-range')], [200, '6', '0-0/*'])
    assert.equal((await hub.ask('GET', '/rpc/add?a=1')).text, '2')
    assert.equal((await hub.ask('POST', '/rpc/ids')).text, '[1, 2, 3, 4, 5]')
  })

  test('may return nothing, a null, a row, a set, and JSON of any kind', async () => {
    assert.deepEqual([(await call('touch', { note: 'x' })).status, (await call('nothing', {})).text], [204, 'null'])
    assert.equal((await call('first_user', {})).json.name, 'Ada')
    assert.deepEqual((await call('one_column', {})).json, [{ x: 1 }, { x: 2 }])
    for (const data of [[1, 'a'], { a: [] }, 'text', 7, true])
      assert.deepEqual((await call('echo', { data })).json, data)
    const { text } = await hub.ask('POST', '/rpc/echo', { text: '{"data":{"n":9007199254740993,"m":1.10}}' })
    assert.deepEqual(text, '{"m": 1.10, "n": 9007199254740993}')
  })

  test('takes rows and lists of rows as objects', async () => {
    assert.equal((await call('shout', { note: { id: 1, body: 'so' } })).json, 'SO')
    const list = [
      { id: 2, body: 'b' },
      { id: 1, body: 'a, "{}' },
    ]
    assert.equal((await call('bodies', { list })).json, 'a, "{}+b')
    assert.equal((await call('bodies', { list: [] })).json, null)
    assert.equal((await call('add', { a: { x: 1 } })).status, 400)
  })

  test('whose argument has no name takes a whole body, if it is of a type that one can be', async () => {
    assert.equal((await call('whole_body', { '': 'x' })).json, 'text {"":"x"}')
    const plain = { 'content-type': 'text/plain' }
    assert.equal((await hub.ask('POST', '/rpc/whole_body', { text: 'y', headers: plain })).json, 'text y')
    assert.equal((await call('whole_body', { a: 1 })).json.code, 'PGRST202')
  })

  test('counts its set, and gives one row as an object', async () => {
    const counted = await call('ids', {}, { prefer: 'count=exact' })
    assert.equal(counted.headers.get('content-range'), '0-4/5')
    const singular = { accept: 'application/vnd.pgrst.object+json' }
    assert.equal((await call('older_than', { years: 80 }, singular)).json.name, 'Grace')
    assert.equal((await call('older_than', { years: 1 }, singular)).json.code, 'PGRST116')
  })

  test('that wrote another number of rows than one object is undone', async () => {
    const singular = { accept: 'application/vnd.pgrst.object+json' }
    const before = await hub.sql('select count(*) from notes')
    const answer = await call('add_notes', { n: 3 }, singular)
    assert.deepEqual([answer.status, answer.json.details], [406, 'The result contains 3 rows'])
    assert.deepEqual(await hub.sql('select count(*) from notes'), before)
    assert.equal((await call('add_notes', { n: 1 }, singular)).json.body, 'made')
  })

  test('called by GET cannot write', async () => {
    const before = await hub.sql('select count(*) from notes')
    const { status, json } = await hub.ask('GET', '/rpc/touch?note=x')
    assert.deepEqual([status, json.code], [405, '25006'])
    assert.deepEqual(await hub.sql('select count(*) from notes'), before)
  })

  test('that is not there with these names is PGRST202, and one of two alike PGRST203', async () => {
    for (const args of [{}, { a: 1, c: 2 }, { b: 1 }, { A: 1 }]) {
      const { status, json } = await call('add', args)
      assert.deepEqual([status, json.code], [404, 'PGRST202'])
    }
    const { status, json } = await call('twins', { a: 1 })
    assert.deepEqual([status, json.code], [300, 'PGRST203'])
  })

  test('gives of its rows what the query asks for', async () => {
    const older = await hub.ask('POST', '/rpc/older_than?select=name&age=gt.50&order=age.desc&limit=1', {
      body: { years: 1 },
    })
    assert.deepEqual(older.json, [{ name: 'Grace' }])
    const read = await hub.ask('GET', '/rpc/older_than?years=1&select=name&name=like.A*&order=name')
    assert.deepEqual(read.json, [{ name: 'Ada' }, { name: 'Alan' }])
    assert.deepEqual((await hub.ask('GET', '/rpc/ids?limit=2&offset=1')).json, [2, 3])
  })

  test('whose rows are of no relation has their columns alone: another name would be a call of another function', async () => {
    await hub.sql(`create function hidden(x bigint) returns text language plpgsql as 'begin raise ''it ran''; end';
      create type pair as (a int, b int);
      create function pairs_of(n int) returns setof pair language sql as 'select n, n + 1';
      create function hidden(x pair) returns text language plpgsql as 'begin raise ''it ran''; end';
      create schema stock; create table stock.parts (id int, label text); insert into stock.parts values (1, 'nut');
      grant usage on schema stock to ${hub.roles.backend}; grant select on stock.parts to ${hub.roles.backend};
      create function parts() returns setof stock.parts language sql as 'select * from stock.parts'`)
    await hub.hub.reloadSchema()
    const ran = (text: string): boolean => text.includes('it ran')
    for (const path of ['ids?', 'pairs_of?n=1&', 'one_column?', 'parts?'])
      for (const use of ['order=hidden', 'hidden=eq.1', 'select=hidden', 'select=x:hidden', 'or=(hidden.is.null)']) {
        const { text, json } = await hub.ask('GET', `/rpc/${path}${use}`)
        assert.ok(!ran(text) && (json.code === '42703' || path === 'ids?'), `${path}${use} ${text}`)
      }
    const where = { kind: 'is', column: 'hidden', value: 'null' }
    for (const name of ['ids', 'parts'])
      for (const more of [{ columns: [{ column: 'hidden' }] }, { order: [{ column: 'hidden' }] }, { where }]) {
        const body = { kind: 'call', target: { name }, args: {}, result: 'rows', ...more }
        assert.equal((await hub.ask('POST', '/-/run', { body })).json.code, '42703')
      }
    // The value's own column has the name of the function, and so may another function have.
    await hub.sql(`create schema beside; create function beside.ids(x bigint) returns text language plpgsql
      as 'begin raise ''it ran''; end'; grant usage on schema beside to public`)
    const own = { kind: 'call', target: { name: 'ids' }, args: {}, result: 'rows', columns: [{ column: 'ids' }] }
    const paths = createHub({
      database: hub.database,
      services: { backend: { role: hub.roles.backend, keys: [hashed(keys.backend)] } },
      dialect: { extraSearchPath: ['public', 'beside'] },
    })
    const asked = { method: 'POST', body: JSON.stringify(own), headers: jsonHeaders }
    const answer = await (await paths.handle(new Request('http://hub/-/run', asked))).text()
    assert.ok(!ran(answer) && answer.includes('"rows":[["1"]'), answer)
    await hub.sql('drop schema beside cascade')
    assert.deepEqual((await hub.ask('GET', '/rpc/ids?ids=eq.2&order=ids')).json, [2])
    assert.deepEqual((await hub.ask('GET', '/rpc/pairs_of?n=1&select=b&a=eq.1&order=b')).json, [{ b: 2 }])
    assert.deepEqual((await hub.ask('GET', '/rpc/parts?select=label&id=eq.1')).json, [{ label: 'nut' }])
    await hub.sql('drop schema stock cascade; drop type pair cascade; drop function hidden')
    await hub.hub.reloadSchema()
  })

  test('is not found by a body that names nothing', async () => {
    for (const body of ['x', 7, null]) assert.equal((await call('add', body)).json.code, 'PGRST202')
    for (const body of [[1], [{ a: 1 }, { b: 1 }]]) assert.equal((await call('add', body)).json.code, 'PGRST102')
  })
})

describe('what a function says', () => {
  before(async () => {
    await hub.sql(`
      create function raise_all(said text, head text) returns void language plpgsql as
        $$ begin raise sqlstate 'PGRST' using message = said, detail = head; end $$;
      create function say(name text) returns text language sql volatile as $$
        select set_config('response.headers', json_build_array(json_build_object(name, 'x'))::text, true) $$;
      grant execute on function raise_all, say to ${hub.roles.backend}`)
    await hub.hub.reloadSchema()
  })

  /** Over a socket, which minds what a header is. */
  const post = async (name: string, body: object): Promise<Response> => {
    const headers = { authorization: `Bearer ${keys.backend}`, 'content-type': 'application/json' }
    return await fetch(`${hub.url}/rpc/${name}`, { method: 'POST', headers, body: JSON.stringify(body) })
  }

  test('as the code of an answer may be what no header can hold', async () => {
    for (const code of ['12', 'a\r\nset-cookie: b', 'ü€', 'x'.repeat(100_000), '']) {
      const said = JSON.stringify({ code, message: 'said' })
      const response = await post('raise_all', { said, head: '{"status":402,"headers":{}}' })
      const { code: told }: any = await response.json()
      assert.deepEqual([response.status, told], [402, code])
      assert.equal(response.headers.get('proxy-status'), code === '12' ? 'Plinth; error=12' : 'Plinth')
    }
  })

  test('of the connection itself is refused', async () => {
    for (const name of ['Content-Length', 'Trailer', 'Upgrade', 'Keep-Alive']) {
      const response = await post('say', { name })
      assert.deepEqual([response.status, await codeOf(response)], [500, 'PGRST111'], name)
    }
  })
})

describe('what a function raises', () => {
  const raised: readonly (readonly [string, number])[] = [
    ['P0001', 400],
    ['PT402', 402],
    ['PT404', 404],
    ['PT099', 500],
    ['PT999', 500],
    ['42501', 403],
    ['42P01', 404],
    ['42883', 404],
    ['23505', 409],
    ['23503', 409],
    ['23514', 400],
    ['22012', 400],
    ['40001', 500],
    ['53400', 500],
    ['53100', 503],
    ['55000', 500],
    ['57000', 500],
    ['58000', 500],
    ['XX000', 500],
    ['28000', 403],
    ['0P000', 403],
    ['P0002', 500],
    ['38000', 500],
    ['54000', 500],
    ['21000', 500],
    ['42P17', 500],
    ['99999', 400],
  ]
  for (const [state, status] of raised) {
    test(`with ${state} is ${status}, word for word`, async () => {
      const answer = await call('fail_with', { state })
      assert.equal(answer.status, status)
      assert.deepEqual(answer.json, { code: state, message: 'said', details: 'why', hint: 'how' })
    })
  }
})

describe('a request that lost against another', () => {
  for (const state of ['40001', '40P01'])
    test(`is run again after ${state}, read or write, and its caller hears nothing of it`, async () => {
      // What a sequence has given is not taken back with the rest.
      await hub.sql(`create sequence tries; create table won (try int);
        create function at_third() returns int language plpgsql volatile as $$ begin
          insert into won values (nextval('tries'));
          if currval('tries') < 3 then raise 'lost' using errcode = '${state}'; end if; return currval('tries'); end $$;
        create function beaten() returns trigger language plpgsql as 'begin perform at_third(); return new; end';
        create table contested (id int); create trigger beaten before insert on contested
          for each row execute function beaten();
        grant usage on sequence tries to ${hub.roles.backend};
        grant insert on won, contested to ${hub.roles.backend}; grant select on won, contested to ${hub.roles.backend}`)
      await hub.hub.reloadSchema()
      assert.equal((await call('at_third', {})).text, '3')
      await hub.sql('alter sequence tries restart')
      assert.equal((await hub.ask('POST', '/contested', { body: { id: 1 } })).status, 201)
      assert.deepEqual((await hub.ask('GET', '/won')).json, [{ try: 3 }, { try: 3 }])
      assert.deepEqual((await hub.ask('GET', '/contested')).json, [{ id: 1 }])
      await hub.sql('drop table contested, won; drop function at_third, beaten; drop sequence tries')
      await hub.hub.reloadSchema()
    })
})
