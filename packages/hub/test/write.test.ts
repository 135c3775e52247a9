import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { codeOf, keys, testHub } from './support/hub.ts'

const hub = testHub()
const representation = { prefer: 'return=representation' }
const singular = { accept: 'application/vnd.pgrst.object+json' }

beforeEach(async () => {
  await hub.sql('truncate pairs, notes restart identity')
  await hub.sql(`insert into pairs values (1, 1, 'one'), (1, 2, 'two'), (2, 1, 'three')`)
})

const pairs = (): Promise<Record<string, unknown>[]> => hub.sql('select a, b, label from pairs order by a, b')
const before = [
  { a: 1, b: 1, label: 'one' },
  { a: 1, b: 2, label: 'two' },
  { a: 2, b: 1, label: 'three' },
]

describe('POST', () => {
  test('answers 201 without a body unless the rows are asked for', async () => {
    const minimal = await hub.ask('POST', '/pairs', { body: { a: 7, b: 7 } })
    assert.deepEqual([minimal.status, minimal.text, minimal.headers.get('content-range')], [201, '', '*/*'])
    const full = await hub.ask('POST', '/pairs?select=label,key:a', {
      body: [{ a: 8, b: 8, label: 'x' }],
      headers: representation,
    })
    assert.deepEqual([full.status, full.text], [201, '[{"label":"x","key":8}]'])
    assert.equal(full.headers.get('preference-applied'), 'return=representation')
  })

  test('with return=headers-only says where the row is, of a key of two columns too', async () => {
    const headers = { prefer: 'return=headers-only, count=exact' }
    const one = await hub.ask('POST', '/pairs', { body: { a: 5, b: 6 }, headers })
    assert.deepEqual([one.status, one.headers.get('location')], [201, '/pairs?a=eq.5&b=eq.6'])
    assert.equal(one.headers.get('content-range'), '*/1')
    const two = await hub.ask('POST', '/pairs', {
      body: [
        { a: 5, b: 7 },
        { a: 5, b: 8 },
      ],
      headers,
    })
    assert.equal(two.headers.get('location'), null)
  })

  test('writes numbers as they are written, not as JavaScript holds them', async () => {
    const text = '[{"id":9007199254740993,"name":"big","balance":1.10,"extra":{"n":1e400,"z":-0.0}}]'
    const { json, status } = await hub.ask('POST', '/users?select=id::text,balance::text', {
      text,
      headers: representation,
    })
    assert.deepEqual([status, json], [201, [{ id: '9007199254740993', balance: '1.10' }]])
    const [row] = await hub.sql(`delete from users where name = 'big' returning extra::text as extra`)
    assert.match(String(row?.['extra']), /"n": 1000000/)
  })

  test('of nothing writes nothing, of an empty object a row of defaults', async () => {
    const none = await hub.ask('POST', '/notes', { body: [], headers: representation })
    assert.deepEqual([none.status, none.text], [201, '[]'])
    const defaults = await hub.ask('POST', '/notes', { body: {}, headers: representation })
    assert.deepEqual(defaults.json, [{ id: 1, author: null, body: null }])
  })

  test('takes a column called __proto__ like any other', async () => {
    const text = '{"id":2,"__proto__":"own"}'
    const { json, text: answer } = await hub.ask('POST', '/odd%20%22table?select=id,__proto__', {
      text,
      headers: representation,
    })
    assert.equal(answer, '[{"id":2,"__proto__":"own"}]')
    assert.ok(Object.hasOwn(json[0], '__proto__'))
  })

  const refused: readonly (readonly [string, string, number, string])[] = [
    ['rows with different keys', '[{"a":3,"b":1},{"a":3}]', 400, 'PGRST102'],
    ['broken JSON', '{"a":', 400, 'PGRST102'],
    ['no body', '', 400, 'PGRST102'],
    ['a bare value', '7', 400, 'PGRST102'],
    ['a list with a bare value', '[{"a":3,"b":1},7]', 400, 'PGRST102'],
    ['an unknown column', '{"a":3,"b":1,"nope":1}', 400, 'PGRST204'],
    ['a value of another type', '{"a":"three","b":1}', 400, '22P02'],
    ['a missing key', '{"a":3}', 400, '23502'],
    ['a key that is there', '{"a":1,"b":1}', 409, '23505'],
  ]
  for (const [what, text, status, code] of refused) {
    test(`refuses ${what} and writes nothing`, async () => {
      const answer = await hub.ask('POST', '/pairs', { text })
      assert.deepEqual([answer.status, answer.json.code], [status, code])
      assert.deepEqual(await pairs(), before)
    })
  }

  test('takes one media type and no other', async () => {
    for (const type of [
      'text/plain',
      'application/json; charset=latin1',
      'application/json, text/plain',
      'application/jsonx',
      'x-application/json',
    ]) {
      const { status } = await hub.ask('POST', '/pairs', { text: '{"a":3,"b":3}', headers: { 'content-type': type } })
      assert.equal(status, 415, type)
    }
    const known = await hub.ask('POST', '/pairs', {
      text: '{"a":3,"b":3}',
      headers: { 'content-type': 'application/json; charset=utf-8' },
    })
    assert.equal(known.status, 201)
  })

  test('answers a media type that is none with 415, over a socket too', async () => {
    for (const type of ['', '///', 'json']) {
      const headers = { authorization: `Bearer ${keys.backend}`, 'content-type': type }
      const response = await fetch(`${hub.url}/pairs`, { method: 'POST', body: '{"a":4,"b":4}', headers })
      assert.deepEqual([response.status, await codeOf(response)], [415, 'PLT415'], type)
    }
  })

  test('does not guess what filters and limits on an insert mean', async () => {
    for (const query of ['a=eq.1', 'limit=1', 'offset=1', 'or=(a.eq.1)'])
      assert.equal((await hub.ask('POST', `/pairs?${query}`, { body: { a: 3, b: 3 } })).json.code, 'PGRST127', query)
    assert.deepEqual(await pairs(), before)
  })

  test('of two rows as a single object is undone', async () => {
    const answer = await hub.ask('POST', '/pairs', {
      body: [
        { a: 3, b: 1 },
        { a: 3, b: 2 },
      ],
      headers: singular,
    })
    assert.deepEqual([answer.status, answer.json.details], [406, 'The result contains 2 rows'])
    assert.deepEqual(await pairs(), before)
  })
})

describe('POST with a resolution', () => {
  const merge = { prefer: 'resolution=merge-duplicates, return=representation' }

  test('overwrites the row of the same key, and says so', async () => {
    const { status, json, headers } = await hub.ask('POST', '/pairs', {
      body: [
        { a: 1, b: 1, label: 'new' },
        { a: 9, b: 9, label: 'more' },
      ],
      headers: merge,
    })
    assert.deepEqual([status, json.length], [201, 2])
    assert.equal(headers.get('preference-applied'), 'resolution=merge-duplicates, return=representation')
    assert.equal((await pairs())[0]?.['label'], 'new')
  })

  test('by columns without a unique constraint is what PostgreSQL says', async () => {
    const { status, json } = await hub.ask('POST', '/pairs?on_conflict=label', {
      body: { a: 1, b: 1, label: 'x' },
      headers: merge,
    })
    assert.deepEqual([status, json.code], [400, '42P10'])
    const unknown = await hub.ask('POST', '/pairs?on_conflict=nope', { body: { a: 1, b: 1 }, headers: merge })
    assert.deepEqual([unknown.status, unknown.json.code], [400, '42703'])
  })

  test('ignoring duplicates keeps the row and returns the others', async () => {
    const headers = { prefer: 'resolution=ignore-duplicates, return=representation' }
    const { json } = await hub.ask('POST', '/pairs', {
      body: [
        { a: 1, b: 1, label: 'no' },
        { a: 3, b: 3, label: 'yes' },
      ],
      headers,
    })
    assert.deepEqual(json, [{ a: 3, b: 3, label: 'yes' }])
    assert.equal((await pairs())[0]?.['label'], 'one')
  })
})

describe('PATCH', () => {
  test('changes what the filters name', async () => {
    const minimal = await hub.ask('PATCH', '/pairs?a=eq.1&b=eq.2', {
      body: { label: 'changed' },
      headers: { prefer: 'count=exact' },
    })
    assert.deepEqual([minimal.status, minimal.text, minimal.headers.get('content-range')], [204, '', '0-0/1'])
    const full = await hub.ask('PATCH', '/pairs?label=eq.changed&select=label', {
      body: [{ label: 'again' }],
      headers: representation,
    })
    assert.deepEqual([full.status, full.text], [200, '[{"label":"again"}]'])
  })

  test('of no row is no error, and of no column changes nothing', async () => {
    const none = await hub.ask('PATCH', '/pairs?a=eq.99', { body: { label: 'x' }, headers: representation })
    assert.deepEqual([none.status, none.text, none.headers.get('content-range')], [200, '[]', '*/*'])
    for (const headers of [representation, {}]) {
      const empty = await hub.ask('PATCH', '/pairs?a=eq.1', { body: {}, headers })
      assert.deepEqual([empty.status, empty.text], 'prefer' in headers ? [200, '[]'] : [204, ''])
    }
    const counted = await hub.ask('PATCH', '/pairs?a=eq.1', { body: {}, headers: { prefer: 'count=exact' } })
    assert.equal(counted.status, 204)
    assert.equal((await hub.ask('PATCH', '/pairs?a=eq.2', { body: {}, headers: singular })).json.code, 'PGRST116')
    assert.deepEqual(await pairs(), before)
  })

  test('reads only the columns it is told to', async () => {
    await hub.ask('PATCH', '/pairs?columns=label&a=eq.2', { body: { label: 'only', b: 99 } })
    assert.deepEqual((await pairs())[2], { a: 2, b: 1, label: 'only' })
  })

  test('of two rows as a single object is undone, with and without rows to return', async () => {
    for (const headers of [singular, { ...singular, ...representation }]) {
      const answer = await hub.ask('PATCH', '/pairs?a=eq.1', { body: { label: 'x' }, headers })
      assert.deepEqual([answer.status, answer.json.code], [406, 'PGRST116'])
    }
    const none = await hub.ask('PATCH', '/pairs?a=eq.99', { body: { label: 'x' }, headers: singular })
    assert.deepEqual([none.status, none.json.details], [406, 'The result contains 0 rows'])
    assert.deepEqual(await pairs(), before)
    const one = await hub.ask('PATCH', '/pairs?a=eq.2', {
      body: { label: 'x' },
      headers: { ...singular, ...representation },
    })
    assert.deepEqual(one.json, { a: 2, b: 1, label: 'x' })
  })

  test('above max-affected is undone', async () => {
    const headers = { prefer: 'handling=strict, max-affected=1' }
    const answer = await hub.ask('PATCH', '/pairs?a=eq.1', { body: { label: 'x' }, headers })
    assert.deepEqual(
      [answer.status, answer.json.code, answer.json.details],
      [400, 'PGRST124', 'The query affects 2 rows'],
    )
    assert.deepEqual(await pairs(), before)
    assert.equal((await hub.ask('PATCH', '/pairs?a=eq.2', { body: { label: 'x' }, headers })).status, 204)
  })
})

describe('DELETE', () => {
  test('removes what the filters name, and counts', async () => {
    const answer = await hub.ask('DELETE', '/pairs?or=(b.eq.2,label.eq.three)&select=b', {
      headers: { prefer: 'return=representation, count=exact' },
    })
    assert.deepEqual(
      [answer.status, answer.json, answer.headers.get('content-range')],
      [200, [{ b: 2 }, { b: 1 }], '*/2'],
    )
    assert.deepEqual(await pairs(), before.slice(0, 1))
  })

  test('refuses a limit, a mistyped filter and a second row, and removes nothing', async () => {
    assert.equal((await hub.ask('DELETE', '/pairs?limit=1')).json.code, 'PGRST127')
    assert.equal((await hub.ask('DELETE', '/pairs?a')).json.code, 'PGRST100')
    assert.equal((await hub.ask('DELETE', '/pairs?a=eq.1', { headers: singular })).json.code, 'PGRST116')
    assert.deepEqual(await pairs(), before)
  })
})
