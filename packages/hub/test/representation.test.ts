import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Roles } from './support/sample.ts'
import { testHub } from './support/hub.ts'

/**
 * A shop whose prices are stored in cents and spoken of in euros (`3.50`), whose codes are shown with a dash in them, and
 * whose days are shown in a form of their own, but read as dates are. Prices cannot be compared in json.
 */
function shop({ backend }: Roles): string {
  return `
    create schema forms;
    grant usage on schema forms to public;
    create domain forms.euros as int check (value >= 0);
    create domain forms.code as varchar(3);
    create domain forms.day as date;
    create function forms.show(forms.euros) returns json language sql immutable as
      $$ select to_json(coalesce(to_char($1 / 100.0, 'FM9990.00'), 'none')) $$;
    create function forms.euros(text) returns forms.euros language sql immutable as
      $$ select (replace($1, 'EUR ', '')::numeric * 100)::int::forms.euros $$;
    create function forms.euros(json) returns forms.euros language sql immutable as
      $$ select forms.euros(coalesce($1 #>> '{}', '0.01')) $$;
    create function forms.show(forms.code) returns json language sql immutable as
      $$ select to_json(left($1, 2) || '-' || substr($1, 3)) $$;
    create function forms.code(text) returns forms.code language sql immutable as
      $$ select replace($1, '-', '')::forms.code $$;
    create function forms.code(json) returns forms.code language sql immutable as
      $$ select forms.code($1 #>> '{}') $$;
    create function forms.show(forms.day) returns json language sql immutable as
      $$ select to_json(to_char($1, 'DD.MM.YYYY')) $$;
    create cast (forms.euros as json) with function forms.show(forms.euros) as implicit;
    create cast (json as forms.euros) with function forms.euros(json) as implicit;
    create cast (text as forms.euros) with function forms.euros(text) as implicit;
    create cast (forms.code as json) with function forms.show(forms.code) as implicit;
    create cast (json as forms.code) with function forms.code(json) as implicit;
    create cast (text as forms.code) with function forms.code(text) as implicit;
    create cast (forms.day as json) with function forms.show(forms.day) as implicit;
    create table things (code forms.code primary key, name text, price forms.euros default 100, since forms.day);
    create table orders (id int primary key, thing forms.code references things, paid forms.euros, notes jsonb);
    create view dear_things as select code, price, (price * 2)::forms.euros as twice from things where price > 200;
    create function cheaper(than forms.euros) returns setof things language sql stable as
      'select * from things where price < than';
    create function kind_of(orders) returns setof things rows 1 language sql stable as
      'select * from things where code = $1.thing';
    grant all on things, orders, dear_things to ${backend};`
}

const hub = testHub(() => ({ dialect: { hasAggregates: true } }), shop)
const full = { prefer: 'return=representation' }
const stored = (): Promise<unknown> =>
  hub.sql('select code::text, name, price::int, since::text from things order by name')

beforeEach(async () => {
  await hub.sql(`
    truncate things, orders;
    insert into things values ('AB1', 'cup', 350, '2026-01-31'), ('AB2', 'jug', 1200, null), ('CD1', 'mug', null, null);
    insert into orders values (1, 'AB1', 300, '{"paid": 7}'), (2, 'AB1', 350, null), (3, 'AB2', 1000, null);`)
})

async function read(path: string): Promise<unknown> {
  const { status, json } = await hub.ask('GET', path)
  assert.equal(status, 200, JSON.stringify(json))
  return json
}

const cup = { code: 'AB-1', name: 'cup', price: '3.50', since: '31.01.2026' }
const answers: Readonly<Record<string, readonly (readonly [path: string, expected: unknown])[]>> = {
  'a value is shown by the cast of its domain to json': [
    [
      '/things?select=code,price&order=name',
      [cup, { code: 'AB-2', price: '12.00' }, { code: 'CD-1', price: 'none' }].map(({ code, price }) => ({
        code,
        price,
      })),
    ],
    ['/things?name=eq.cup', [cup]],
    ['/things?select=*&name=eq.cup', [cup]],
    ['/things?select=price,*&name=eq.cup', [cup]],
    ['/things?select=cost:price&name=eq.cup', [{ cost: '3.50' }]],
    ['/things?select=price::text&name=eq.cup', [{ price: '"3.50"' }]],
    ['/dear_things?select=code,price,twice&price=lt.10', [{ code: 'AB-1', price: '3.50', twice: '7.00' }]],
    ['/rpc/cheaper?than=1000', [cup]],
    ['/rpc/cheaper?than=1000&select=price', [{ price: '3.50' }]],
    ['/rpc/cheaper?than=1000&price=eq.EUR 3.50&select=name', [{ name: 'cup' }]],
  ],
  'so is one in an embed, spread among others, or of a function': [
    ['/orders?select=id,things(price)&id=eq.1', [{ id: 1, things: { price: '3.50' } }]],
    ['/orders?select=id,things(*)&id=eq.1', [{ id: 1, things: cup }]],
    ['/orders?select=id,kind_of(*)&id=eq.1', [{ id: 1, kind_of: cup }]],
    ['/orders?select=id,...things(price)&id=eq.1', [{ id: 1, price: '3.50' }]],
    ['/orders?select=id,...things(*)&id=eq.1', [{ id: 1, ...cup }]],
    [
      '/things?select=name,orders(paid)&orders.order=paid.desc&name=eq.cup',
      [{ name: 'cup', orders: [{ paid: '3.50' }, { paid: '3.00' }] }],
    ],
    ['/things?select=name,...orders(paid)&orders.order=paid&name=eq.cup', [{ name: 'cup', paid: ['3.00', '3.50'] }]],
  ],
  'it is ordered, joined, grouped and summed up as it is stored': [
    ['/things?select=price&order=price.desc.nullslast', [{ price: '12.00' }, { price: '3.50' }, { price: 'none' }]],
    [
      '/orders?select=id,things(price)&order=things(price).desc,id',
      [3, 1, 2].map((id) => ({ id, things: { price: id === 3 ? '12.00' : '3.50' } })),
    ],
    ['/orders?select=id,...things(cost:price)&order=things(cost).desc,id&limit=1', [{ id: 3, cost: '12.00' }]],
    [
      '/orders?select=thing,paid.sum()&order=thing',
      [
        { thing: 'AB-1', sum: 650 },
        { thing: 'AB-2', sum: 1000 },
      ],
    ],
    [
      '/orders?select=...things(price),count()&order=things(price)',
      [
        { price: '3.50', count: 2 },
        { price: '12.00', count: 1 },
      ],
    ],
    ['/things?select=price.max()', [{ max: 1200 }]],
    ['/orders?select=notes->paid&id=eq.1', [{ paid: 7 }]],
  ],
  'a filter reads its values by the cast from text': [
    ['/things?select=name&price=eq.EUR 3.50', [{ name: 'cup' }]],
    ['/things?select=name&price=in.(3.50,"EUR 12")&order=name', [{ name: 'cup' }, { name: 'jug' }]],
    ['/things?select=name&price=not.in.(3.50)', [{ name: 'jug' }]],
    ['/things?select=name&price=gt(any).{3.00,99}&order=name', [{ name: 'cup' }, { name: 'jug' }]],
    ['/things?select=name&or=(price.eq.12,code.eq.CD-1)&order=name', [{ name: 'jug' }, { name: 'mug' }]],
    ['/things?select=name&price=isdistinct.3.50&order=name', [{ name: 'jug' }, { name: 'mug' }]],
    ['/things?select=name&price=is.null', [{ name: 'mug' }]],
    ['/orders?select=id,things!inner()&things.price=eq.12', [{ id: 3 }]],
    ['/things?select=name&code=like.AB*&order=name', [{ name: 'cup' }, { name: 'jug' }]],
    ['/things?select=name&since=eq.2026-01-31', [{ name: 'cup' }]],
  ],
}

for (const [what, cases] of Object.entries(answers))
  describe(what, () => {
    for (const [path, expected] of cases) test(path, async () => assert.deepEqual(await read(path), expected))
  })

describe('a row to write is read by the cast from json', () => {
  test('of an insert, in json and in CSV', async () => {
    const one = await hub.ask('POST', '/things', {
      body: { code: 'EF-1', price: '0.50', since: '2026-02-01' },
      headers: full,
    })
    assert.deepEqual([one.status, one.json], [201, [{ code: 'EF-1', name: null, price: '0.50', since: '01.02.2026' }]])
    const headers = { ...full, 'content-type': 'text/csv' }
    const csv = await hub.ask('POST', '/things?select=price', { text: 'code,price\nEF-2,2\nEF-3,4', headers })
    assert.deepEqual(csv.json, [{ price: '2.00' }, { price: '4.00' }])
  })

  test('a null is NULL to the function, and a missing one is the default', async () => {
    const body = [{ code: 'EF-1', price: null }, { code: 'EF-2' }]
    const headers = { prefer: 'return=representation, missing=default' }
    const { json } = await hub.ask('POST', '/things?columns=code,price&select=code,price', { body, headers })
    assert.deepEqual(json, [
      { code: 'EF-1', price: '0.01' },
      { code: 'EF-2', price: '1.00' },
    ])
    const even = await hub.ask('POST', '/things?select=price', { body: { code: 'EF-3', price: null }, headers: full })
    assert.deepEqual(even.json, [{ price: '0.01' }])
  })

  test('of an update, an upsert and a PUT, also where it is the key', async () => {
    const changed = await hub.ask('PATCH', '/things?code=eq.AB-1&select=price,orders(paid)', {
      body: { price: '4' },
      headers: full,
    })
    assert.deepEqual(changed.json, [{ price: '4.00', orders: [{ paid: '3.00' }, { paid: '3.50' }] }])
    const merged = await hub.ask('POST', '/things?select=name,price', {
      body: [{ code: 'AB-1', price: '5' }],
      headers: { prefer: 'return=representation, resolution=merge-duplicates' },
    })
    assert.deepEqual([merged.status, merged.json], [200, [{ name: 'cup', price: '5.00' }]])
    const put = await hub.ask('PUT', '/things?code=eq.AB-1', {
      body: { code: 'AB-1', name: 'bowl', price: '6', since: null },
    })
    assert.equal(put.status, 204)
    const other = await hub.ask('PUT', '/things?code=eq.AB-1', {
      body: { code: 'AB-2', name: 'bowl', price: '6', since: null },
    })
    assert.deepEqual([other.status, other.json.code], [400, 'PGRST115'])
    await hub.ask('DELETE', '/things?code=in.(CD-1)')
    assert.deepEqual(await stored(), [
      { code: 'AB1', name: 'bowl', price: 600, since: null },
      { code: 'AB2', name: 'jug', price: 1200, since: null },
    ])
  })

  test('what the function or the domain refuses is told as PostgreSQL tells it', async () => {
    const text = await hub.ask('POST', '/things', { body: { code: 'EF-1', price: 'free' } })
    assert.deepEqual([text.status, text.json.code], [400, '22P02'])
    const check = await hub.ask('PATCH', '/things?code=eq.AB-1', { body: { price: '-1' } })
    assert.deepEqual([check.status, check.json.code], [400, '23514'])
  })
})

test('no operation from outside names a function itself', async () => {
  const format = { schema: 'pg_catalog', name: 'pg_sleep' }
  const columns = [{ column: 'price', format }]
  const select = { kind: 'select', target: { name: 'things' }, columns, result: 'rows' }
  const insert = {
    kind: 'insert',
    target: { name: 'things' },
    rows: [{ code: 'x' }],
    parse: { code: format },
    result: 'none',
  }
  const where = { kind: 'compare', column: 'price', operator: 'eq', value: '1', parse: format }
  for (const body of [select, insert, { ...select, columns: 'all', where }]) {
    const { status, text } = await hub.ask('POST', '/-/run', { body })
    assert.equal(status, 400, text)
    assert.match(text, /left out/)
  }
})

test('an operation of a service of ours has the value as it is stored', async () => {
  const body = {
    kind: 'select',
    target: { name: 'things' },
    columns: 'all',
    where: { kind: 'compare', column: 'price', operator: 'eq', value: '350' },
    result: 'rows',
  }
  const { json } = await hub.ask('POST', '/-/run', { body })
  assert.deepEqual(json.rows, [['AB1', 'cup', '350', '2026-01-31']])
})

test('the document at the root says nothing of the type of such a column', async () => {
  const { json } = await hub.ask('GET', '/')
  const { code, name, price } = json.components.schemas.things.properties
  assert.deepEqual([code, price], [{ description: 'Part of the primary key.' }, {}])
  assert.deepEqual(name, { type: ['string', 'null'] })
})
