import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Hub } from '@plinth/hub'
import type { Embed, Operation, Order, Output } from 'plinth'
import type { AllowOptions } from '../src/index.ts'
import { type Answered, ask, hashed, keys, testHub } from './support/hub.ts'

const hub = testHub()

/** The backend's role, and of it only what is allowed here. */
function limited(allow: AllowOptions): Hub {
  const dialect = { hasAggregates: true }
  return hub.another({
    dialect,
    services: { backend: { role: hub.roles.backend, keys: [hashed(keys.backend)], allow } },
  })
}

const notes = { operations: ['select', 'insert', 'update'], columns: ['id', 'author'] } as const
const allow: AllowOptions = { tables: { users: ['select'], notes }, functions: ['add', 'add_notes'] }

interface Asked {
  readonly rest: readonly [method: string, path: string, body?: unknown]
  readonly run: Operation
}

const select = (name: string, more: object = {}): Operation => ({
  kind: 'select',
  target: { name },
  columns: 'all',
  result: 'rows',
  ...more,
})

async function both(asked: Asked, from: Hub): Promise<Answered[]> {
  const [method, path, body] = asked.rest
  const headers = { prefer: 'return=representation' }
  const rest = await ask(from, method, path, { ...(body === undefined ? {} : { body }), headers })
  return [rest, await ask(from, 'POST', '/-/run', { body: asked.run })]
}

/** Refused on every way, as a name that does not exist is, and nothing has changed. */
async function hidden(asked: Asked, code: string): Promise<void> {
  const before = await hub.sql('select count(*) as n, max(id) as id from notes')
  for (const { json, status } of await both(asked, limited(allow))) {
    assert.deepEqual([json.code, status >= 400], [code, true], JSON.stringify(asked.run))
    assert.doesNotMatch(JSON.stringify(json), /policy|allow/i)
  }
  assert.deepEqual(await hub.sql('select count(*) as n, max(id) as id from notes'), before)
}

describe('a service that may name only some things', () => {
  test('is served those', async () => {
    for (const { status } of await both({ rest: ['GET', '/users?limit=1'], run: select('users') }, limited(allow)))
      assert.equal(status, 200)
    const call: Operation = { kind: 'call', target: { name: 'add' }, args: { a: 1 }, result: 'value' }
    for (const { status } of await both({ rest: ['POST', '/rpc/add', { a: 1 }], run: call }, limited(allow)))
      assert.equal(status, 200)
  })

  test('finds no other table and no other function, though its role may use them', async () => {
    assert.equal((await hub.ask('GET', '/pairs')).status, 200)
    await hidden({ rest: ['GET', '/pairs'], run: select('pairs') }, 'PGRST205')
    const args = { note: 'x' }
    const run: Operation = { kind: 'call', target: { name: 'touch' }, args, result: 'none' }
    await hidden({ rest: ['POST', '/rpc/touch', args], run }, 'PGRST202')
  })

  test('may do with a table what is allowed and nothing else', async () => {
    const row = { name: 'x' }
    const insert: Operation = { kind: 'insert', target: { name: 'users' }, rows: [row], result: 'none' }
    const where = { kind: 'compare', column: 'id', operator: 'eq', value: '1' } as const
    const update: Operation = { kind: 'update', target: { name: 'users' }, set: row, where, result: 'none' }
    const remove: Operation = { kind: 'delete', target: { name: 'notes' }, where, result: 'none' }
    await hidden({ rest: ['POST', '/users', row], run: insert }, '42501')
    await hidden({ rest: ['PATCH', '/users?id=eq.1', row], run: update }, '42501')
    await hidden({ rest: ['DELETE', '/notes?id=eq.1'], run: remove }, '42501')
  })

  test('may not read by writing, where it may not read', async () => {
    const writer = limited({ tables: { notes: ['insert', 'update'] } })
    const row = { body: 'x' }
    const insert = { kind: 'insert', target: { name: 'notes' }, rows: [row] } as const
    const asked: readonly Asked[] = [
      { rest: ['POST', '/notes', row], run: { ...insert, returning: 'all', result: 'rows' } },
      {
        rest: ['PATCH', '/notes?id=gt.0', row],
        run: {
          kind: 'update',
          target: { name: 'notes' },
          set: row,
          where: { kind: 'compare', column: 'id', operator: 'gt', value: '0' },
          result: 'none',
        },
      },
    ]
    for (const one of asked)
      for (const { status, json } of await both(one, writer)) assert.deepEqual([status, json.code], [403, '42501'])
    assert.equal((await ask(writer, 'POST', '/notes', { body: row })).status, 201)
    await hub.sql('truncate notes')
  })

  test('does not find a hidden column by any use of it', async () => {
    const run = (more: object): Operation => select('notes', { columns: [{ column: 'id' }], ...more })
    const body = { column: 'body' }
    for (const [query, more] of [
      ['select=body', { columns: [body] }],
      ['select=id:body', { columns: [{ ...body, as: 'id' }] }],
      ['select=id,body->>a', { columns: [{ ...body, path: { steps: ['a'], as: 'text' } }] }],
      ['select=id&body=fts.x', { where: { kind: 'search', ...body, query: 'fts', value: 'x' } }],
      ['select=body.max()', { columns: [{ ...body, aggregate: { name: 'max' } }] }],
      ['select=id&body=eq.x', { where: { kind: 'compare', ...body, operator: 'eq', value: 'x' } }],
      ['select=id&body=in.(x)', { where: { kind: 'in', ...body, values: ['x'] } }],
      ['select=id&or=(id.eq.1,body.is.null)', { where: { kind: 'or', of: [{ kind: 'is', ...body, value: 'null' }] } }],
      ['select=id&order=body', { order: [body] }],
    ] as const)
      await hidden({ rest: ['GET', `/notes?${query}`], run: run(more) }, '42703')
    const rows = [{ body: 'x' }]
    const insert: Operation = { kind: 'insert', target: { name: 'notes' }, rows, result: 'none' }
    await hidden({ rest: ['POST', '/notes', rows], run: insert }, 'PGRST204')
  })

  test('finds no way to a hidden table or column through an embed', async () => {
    const join = { kind: 'columns', on: [['author', 'id']] } as const
    const embedded = (more: object): Operation =>
      select('notes', {
        columns: [
          { column: 'id' },
          { embed: { name: 'users' }, as: 'users', join, rows: 'one', columns: 'all', ...more },
        ],
      })
    for (const [allowed, code, rest, run] of [
      [{ notes: ['select'] }, 'PGRST200', 'users(name)', 'PGRST205'],
      [{ notes: ['select'], users: ['insert'] }, '42501', 'users(name)', '42501'],
    ] as const) {
      const narrow = limited({ tables: allowed })
      const asked = { rest: ['GET', `/notes?select=id,${rest}`], run: embedded({}) } as const
      const [byRest, byRun] = await both(asked, narrow)
      assert.deepEqual([byRest?.json.code, byRun?.json.code], [code, run])
    }
    const users = { operations: ['select'], columns: ['id', 'name'] } as const
    const narrow = limited({ tables: { notes: ['select'], users } })
    await hub.sql(`insert into notes (author, body) values (1, 'x')`)
    const [byRest, byRun] = await both({ rest: ['GET', '/notes?select=users(*)'], run: embedded({}) }, narrow)
    assert.deepEqual(byRest?.json, [{ users: { id: 1, name: 'Ada' } }])
    assert.doesNotMatch(byRun?.text ?? 'email', /email|example/)
    const email = { column: 'email' }
    const where = { kind: 'compare', ...email, operator: 'like', value: '%' } as const
    for (const [query, more] of [
      ['select=users(email)', { columns: [email] }],
      ['select=id,users!inner(id)&users.email=like.*', { where }],
      ['select=id,users(id)&users.order=email', { order: [email] }],
    ] as const) {
      const answers = await both({ rest: ['GET', `/notes?${query}`], run: embedded(more) }, narrow)
      for (const { json } of answers) assert.equal(json.code, '42703', query)
    }
    await hub.sql('truncate notes')
  })

  test('cannot order by a hidden column under the name that an output of an embed has', async () => {
    const users = { operations: ['select'], columns: ['id', 'name'] } as const
    const narrow = limited({ tables: { notes: ['select'], users } })
    await hub.sql(`insert into notes (author, body) values (2, 'older'), (1, 'younger')`)
    const join = { kind: 'columns', on: [['author', 'id']] } as const
    const embed = (columns: Embed['columns'], as = 'u'): Embed => ({
      embed: { name: 'users' },
      as,
      join,
      rows: 'one',
      columns,
    })
    const age = (column: string): Output => ({ column, as: 'age' })
    const spread: Embed = { ...embed([age('name')], 'again'), join: { kind: 'columns', on: [['id', 'id']] } }
    const byAge = { column: 'age', embed: 'u' }
    const path = { steps: ['k'], as: 'text' } as const
    const ordered = (embeds: readonly Embed[], order: Order): Promise<Answered> =>
      ask(narrow, 'POST', '/-/run', {
        body: select('notes', { columns: [{ column: 'id' }, ...embeds], order: [order] }),
      })
    for (const [embeds, order, code] of [
      [[embed([age('id'), age('name')])], byAge, '42703'],
      [[embed([age('id'), { ...spread, isSpread: true }])], byAge, 'PGRST100'],
      [[embed([{ column: 'id' }, { ...spread, as: 'age', columns: [] }])], byAge, '42703'],
      [[embed([{ column: 'id', as: 'extra' }])], { column: 'extra', path, embed: 'u' }, '42703'],
      [[embed([age('id')]), embed([{ column: 'id' }])], byAge, '42712'],
    ] satisfies readonly (readonly [readonly Embed[], Order, string])[]) {
      const { status, json, text } = await ordered(embeds, order)
      assert.deepEqual([status >= 400, json.code], [true, code], text)
    }
    assert.deepEqual((await ordered([embed([age('id')])], byAge)).json.rows.length, 2)
    await hub.sql('truncate notes')
  })

  test('cannot count by a hidden column or table that an embed brings in', async () => {
    const narrow = limited({
      tables: { notes: ['select'], users: { operations: ['select'], columns: ['id', 'name'] } },
    })
    const byAuthor = (column: string, name = 'users'): Operation => ({
      kind: 'count',
      target: { name: 'notes' },
      columns: [
        {
          embed: { name },
          as: 'u',
          join: { kind: 'columns', on: [['author', 'id']] },
          rows: 'one',
          columns: [],
          where: { kind: 'is', column, value: 'not_null' },
        },
      ],
      where: { kind: 'embedded', embed: 'u', value: 'not_null' },
      result: 'count',
    })
    const count = (operation: Operation): Promise<Answered> => ask(narrow, 'POST', '/-/run', { body: operation })
    assert.deepEqual((await count(byAuthor('name'))).json.rows, [['0']])
    assert.equal((await count(byAuthor('age'))).json.code, '42703')
    assert.equal((await count(byAuthor('id', 'pairs'))).json.code, 'PGRST205')
  })

  test('gets no hidden column by asking for all of them, nor from what a function returns', async () => {
    await hub.sql(`insert into notes (author, body) values (1, 'hush')`)
    const call: Operation = { kind: 'call', target: { name: 'add_notes' }, args: { n: 1 }, result: 'rows' }
    const update: Operation = {
      kind: 'update',
      target: { name: 'notes' },
      set: { author: 2 },
      where: 'every row',
      returning: 'all',
      result: 'rows',
    }
    for (const asked of [
      { rest: ['GET', '/notes'], run: select('notes') },
      { rest: ['GET', '/notes?select=*'], run: select('notes') },
      { rest: ['PATCH', '/notes?id=gt.0', { author: 2 }], run: update },
      { rest: ['POST', '/rpc/add_notes', { n: 1 }], run: call },
    ] satisfies readonly Asked[]) {
      const [rest, run] = await both(asked, limited(allow))
      assert.deepEqual(Object.keys(rest?.json[0]), ['id', 'author'], rest?.text)
      assert.deepEqual(
        run?.json.columns.map((column: { name: string }) => column.name),
        ['id', 'author'],
        run?.text,
      )
    }
    await hub.sql('truncate notes')
  })

  test('is not shown a column that the table got after its columns were named', async () => {
    await hub.sql(`create table grown (id int primary key, label text); grant all on grown to ${hub.roles.backend};
      create function all_grown() returns setof grown language sql stable as 'select * from grown';
      grant execute on function all_grown() to ${hub.roles.backend}`)
    const grown = { operations: ['select', 'insert'], columns: ['id', 'label'] } as const
    const narrow = limited({ tables: { grown }, functions: ['all_grown'] })
    assert.equal((await ask(narrow, 'GET', '/grown')).status, 200)
    await hub.sql(`alter table grown add column secret text default 'TOPSECRET'`)
    const insert = { kind: 'insert', target: { name: 'grown' }, returning: 'all', result: 'rows' } as const
    const call = { kind: 'call', target: { name: 'all_grown' }, args: {} } as const
    for (const asked of [
      { rest: ['POST', '/grown', { id: 1 }], run: { ...insert, rows: [{ id: 2 }] } },
      { rest: ['GET', '/grown'], run: select('grown') },
      { rest: ['GET', '/rpc/all_grown'], run: { ...call, result: 'rows' } },
      { rest: ['POST', '/rpc/all_grown'], run: { ...call, result: 'value' } },
      { rest: ['POST', '/rpc/all_grown'], run: { ...call, result: 'none' } },
    ] satisfies readonly Asked[])
      for (const { status, text } of await both(asked, narrow)) {
        assert.ok(status < 300, text)
        assert.doesNotMatch(text, /secret/i, JSON.stringify(asked.run))
      }
    await hub.sql('drop function all_grown; drop table grown')
  })

  test('is not shown the row that broke a constraint', async () => {
    await hub.sql(`insert into notes (author, body) values (1, 'hush');
      alter table notes add constraint positive check (author > 0)`)
    const update: Operation = {
      kind: 'update',
      target: { name: 'notes' },
      set: { author: -1 },
      where: 'every row',
      result: 'none',
    }
    const asked = { rest: ['PATCH', '/notes?id=gt.0', { author: -1 }], run: update } as const
    for (const { text, json } of await both(asked, limited(allow))) {
      assert.equal(json.code, '23514')
      assert.doesNotMatch(text, /hush/)
    }
    assert.match((await hub.ask('PATCH', '/notes?id=gt.0', { body: { author: -1 } })).text, /hush/)
    await hub.sql('truncate notes; alter table notes drop constraint positive')
  })

  test('reads a catalog that is read anew as narrowly as the first', async () => {
    const narrow = limited(allow)
    assert.equal((await ask(narrow, 'GET', '/pairs')).status, 404)
    await hub.sql(`create table later (id int primary key); grant all on later to ${hub.roles.backend}`)
    assert.equal((await ask(narrow, 'GET', '/later')).status, 404)
    assert.equal((await ask(narrow, 'GET', '/users?limit=1')).status, 200)
    await hub.sql('drop table later')
  })
})

describe('what a service may name', () => {
  for (const [name, wrong, message] of [
    ['a table', { tables: { usres: ['select'] } }, /services\.backend\.allow\.tables names usres/],
    [
      'a column',
      { tables: { users: { operations: ['select'], columns: ['id', 'nmae'] } } },
      /allow\.tables\['users'\]\.columns names nmae/,
    ],
    ['a function', { functions: ['ad'] }, /allow\.functions names ad/],
    ['a table of a schema that is not served', { tables: { 'pg_catalog.pg_class': ['select'] } }, /names pg_catalog/],
  ] as const satisfies readonly (readonly [string, AllowOptions, RegExp])[]) {
    test(`is there, or the hub does not start: ${name}`, async () => {
      await assert.rejects(limited(wrong).listen({ port: 0 }), { code: 'InvalidOption', message })
    })
  }

  test('may be said with its schema', async () => {
    await using served = limited({ tables: { 'public.users': ['select'] }, functions: ['public.add'] })
    await served.listen({ port: 0 })
    assert.equal((await ask(served, 'GET', '/users?limit=1')).status, 200)
    assert.equal((await ask(served, 'GET', '/rpc/add?a=1')).status, 200)
  })

  test('holds operations and columns that are some', () => {
    const bad: readonly unknown[] = [{ users: ['read'] }, { users: { operations: ['select'], columns: [] } }]
    for (const tables of bad)
      assert.throws(() => limited(JSON.parse(JSON.stringify({ tables }))), { code: 'InvalidOption' })
  })
})

describe('an error of PostgreSQL', () => {
  const shown = { operations: ['select', 'insert', 'delete'], columns: ['id', 'label'] } as const
  const row = (id: number, more: object = {}): Asked => ({
    rest: ['POST', '/parts', { id, ...more }],
    run: { kind: 'insert', target: { name: 'parts' }, rows: [{ id, ...more }], result: 'count' },
  })
  const remove: Asked = {
    rest: ['DELETE', '/parts?id=eq.1'],
    run: {
      kind: 'delete',
      target: { name: 'parts' },
      where: { kind: 'compare', column: 'id', operator: 'eq', value: '1' },
      result: 'count',
    },
  }
  const answers = async (asked: Asked, from: AllowOptions): Promise<Answered[]> => await both(asked, limited(from))

  before(async () => {
    await hub.sql(`
      create table parts (id int primary key, label text check (label <> ''), veiled text default 'v' unique,
        constraint veiled_rule check (label <> veiled));
      insert into parts (id) values (1);
      create table veiled_uses (part int references parts);
      insert into veiled_uses values (1);
      create table veiled_log (part int);
      create function log_part() returns trigger language plpgsql as
        $$ begin if new.label = 'log' then insert into veiled_log values (new.id); end if; return new; end $$;
      create trigger log before insert on parts for each row execute function log_part();
      grant all on parts to ${hub.roles.backend}`)
    await hub.hub.reloadSchema()
  })

  for (const [what, asked, code] of [
    ['a unique column', row(2), '23505'],
    ['a column in a check', row(2, { label: 'v' }), '23514'],
    ['a table that refers to a row', remove, '23503'],
    ['a table that a trigger may not touch', row(2, { label: 'log' }), '42501'],
  ] as const)
    test(`does not name what is hidden: ${what}`, async () => {
      for (const { text, json } of await answers(asked, { tables: { parts: shown } })) {
        assert.equal(json.code, code)
        assert.doesNotMatch(text, /veiled/)
      }
    })

  test('names what is shown', async () => {
    for (const { text } of await answers(row(1, { label: 'x' }), { tables: { parts: shown } }))
      assert.match(text, /parts_pkey/)
    for (const { text } of await answers(row(2, { label: '' }), { tables: { parts: shown } }))
      assert.match(text, /parts_label_check/)
    for (const { text } of await answers(row(2, { label: 'v' }), { tables: { parts: ['select', 'insert'] } }))
      assert.match(text, /veiled_rule/)
    const tables = { parts: shown, veiled_uses: ['select'] } as const
    for (const { text } of await answers(remove, { tables })) assert.match(text, /veiled_uses_part_fkey/)
  })
})

describe('a service', () => {
  test('may have less time in the database than others', async () => {
    await hub.sql('create function nap() returns void language sql volatile as $$ select pg_sleep(5) $$')
    await hub.sql(`grant execute on function nap() to ${hub.roles.backend}`)
    const quick = hub.another({
      services: { backend: { role: hub.roles.backend, keys: [hashed(keys.backend)], statementTimeoutMs: 50 } },
    })
    assert.equal((await ask(quick, 'POST', '/rpc/nap')).json.code, '57014')
    const services = { backend: { role: hub.roles.backend, keys: [hashed('k')], statementTimeoutMs: 0 } }
    assert.throws(() => hub.another({ services }), { code: 'InvalidOption', message: /statementTimeoutMs/ })
  })

  test('is known by the subject of a token, and has its own role whatever the token says', async () => {
    const { SignJWT } = await import('jose')
    const secret = 'a secret of at least thirty-two bytes'
    const services = { backend: { role: hub.roles.backend, jwtSubject: 'svc-1', allow } }
    const known = hub.another({ jwt: { secret }, services })
    const token = (sub: string): Promise<string> =>
      new SignJWT({ role: hub.roles.server, sub, exp: Math.floor(Date.now() / 1000) + 60 })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(Buffer.from(secret))
    assert.equal((await ask(known, 'GET', '/users?limit=1', { key: await token('svc-1') })).status, 200)
    assert.equal((await ask(known, 'GET', '/pairs', { key: await token('svc-1') })).status, 404)
    assert.equal((await ask(known, 'GET', '/users', { key: await token('svc-2') })).status, 403)
    const twice = { ...services, other: { ...services.backend } }
    assert.throws(() => hub.another({ jwt: { secret }, services: twice }), {
      code: 'InvalidOption',
      message: /jwtSubject/,
    })
  })

  test('needs a way to be known, and a key of its own', () => {
    const role = hub.roles.backend
    assert.throws(() => hub.another({ services: { one: { role } } }), {
      code: 'InvalidOption',
      message: /nobody can be/,
    })
    const key = hashed('same')
    const services = { one: { role, keys: [key] }, two: { role, keys: [key] } }
    assert.throws(() => hub.another({ services }), { code: 'InvalidOption', message: /same key/ })
  })
})
