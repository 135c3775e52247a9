import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { testHub } from './support/hub.ts'

const hub = testHub()
const get = (path: string, headers: Record<string, string> = {}): ReturnType<typeof hub.ask> =>
  hub.ask('GET', path, { headers })

describe('the window of an answer', () => {
  test('is said in Content-Range, with * for a total nobody asked for', async () => {
    const { status, headers, json } = await get('/users?select=id&order=id&limit=2&offset=1')
    assert.equal(status, 200)
    assert.equal(headers.get('content-range'), '1-2/*')
    assert.equal(headers.get('content-type'), 'application/json; charset=utf-8')
    assert.deepEqual(json, [{ id: 2 }, { id: 3 }])
  })

  test('is 206 when the count says that rows are left out, and 200 when none are', async () => {
    const part = await get('/users?select=id&limit=2', { prefer: 'count=exact' })
    assert.deepEqual([part.status, part.headers.get('content-range')], [206, '0-1/5'])
    assert.equal(part.headers.get('preference-applied'), 'count=exact')
    const whole = await get('/users?select=id', { prefer: 'count=exact' })
    assert.deepEqual([whole.status, whole.headers.get('content-range')], [200, '0-4/5'])
  })

  test('beyond the last row is 416 with a count and an empty answer without', async () => {
    const beyond = await get('/users?offset=9', { prefer: 'count=exact' })
    assert.equal(beyond.status, 416)
    assert.deepEqual(beyond.json, {
      code: 'PGRST103',
      message: 'Requested range not satisfiable',
      details: 'An offset of 9 was requested, but there are only 5 rows.',
      hint: null,
    })
    const uncounted = await get('/users?offset=9')
    assert.deepEqual([uncounted.status, uncounted.text, uncounted.headers.get('content-range')], [200, '[]', '*/*'])
  })

  test('comes from the Range header too, the narrower of the two', async () => {
    const ranged = await get('/users?select=id&order=id', { range: '1-2' })
    assert.deepEqual(ranged.json, [{ id: 2 }, { id: 3 }])
    const open = await get('/users?select=id&order=id', { range: '3-' })
    assert.deepEqual(open.json, [{ id: 4 }, { id: 5 }])
    const both = await get('/users?select=id&order=id&limit=2', { range: '1-9' })
    assert.deepEqual(both.json, [{ id: 2 }])
    const reversed = await get('/users', { range: '3-1' })
    assert.deepEqual([reversed.status, reversed.json.code], [416, 'PGRST103'])
  })

  test('of no row is allowed, and a limit that is no number is not', async () => {
    assert.deepEqual((await get('/users?limit=0')).json, [])
    for (const limit of ['ten', '1e3', '0x1', '', '1.5', '9'.repeat(16)]) {
      const { status, json } = await get(`/users?limit=${limit}`)
      assert.deepEqual([limit, status, json.code], [limit, 400, 'PGRST100'])
    }
    assert.equal((await get('/users?limit=-1')).status, 416)
  })
})

describe('HEAD', () => {
  test('answers with the headers of GET and no body', async () => {
    const { status, headers, text } = await hub.ask('HEAD', '/users?limit=2', { headers: { prefer: 'count=exact' } })
    assert.deepEqual([status, headers.get('content-range'), text], [206, '0-1/5', ''])
  })
})

describe('a single object', () => {
  const singular = { accept: 'application/vnd.pgrst.object+json' }

  test('is the row itself', async () => {
    const { status, text, headers } = await get('/users?id=eq.1&select=id,name', singular)
    assert.deepEqual([status, text], [200, '{"id":1,"name":"Ada"}'])
    assert.equal(headers.get('content-type'), 'application/vnd.pgrst.object+json; charset=utf-8')
  })

  test('is refused for no row and for two', async () => {
    for (const [path, rows] of [
      ['/users?id=eq.99', 0],
      ['/users?id=in.(1,2)', 2],
    ] as const) {
      const { status, json } = await get(path, singular)
      assert.equal(status, 406)
      assert.deepEqual(json, {
        code: 'PGRST116',
        message: 'Cannot coerce the result to a single JSON object',
        details: `The result contains ${rows} rows`,
        hint: null,
      })
    }
  })
})

describe('what PostgreSQL holds', () => {
  test('arrives digit for digit, as PostgreSQL writes it', async () => {
    const { text } = await get('/users?select=balance,tags,extra,joined&id=in.(1,2)&order=id', {
      prefer: 'timezone=Europe/Paris',
    })
    assert.match(text, /"balance":1\.10/)
    assert.match(text, /"balance":12345678901234567890\.5/)
    assert.match(text, /"tags":\["math","a,b"\]/)
    assert.match(text, /"joined":"2026-01-01T01:00:00\+01:00"/)
  })

  test('can be asked for by its default schema, and no other is served', async () => {
    const known = await get('/users?select=id&limit=1', { 'accept-profile': 'public' })
    assert.deepEqual([known.status, known.headers.get('content-profile')], [200, 'public'])
    const other = await get('/pg_class', { 'accept-profile': 'pg_catalog' })
    assert.deepEqual([other.status, other.json.code], [406, 'PGRST106'])
  })
})

describe('what is outside this dialect', () => {
  const refused: readonly (readonly [string, number, string])[] = [
    ['/users?select=age.sum()', 400, 'PGRST123'],
    ['/users?select=count()', 400, 'PGRST123'],
    ['/users?notes.id=eq.1', 400, 'PGRST108'],
    ['/users?id=1', 400, 'PGRST100'],
    ['/users?id=equals.1', 400, 'PGRST100'],
    ['/users?id=is.maybe', 400, 'PGRST100'],
    ['/users?id', 400, 'PGRST100'],
    ['/users?or=(id.eq.1', 400, 'PGRST100'],
    ['/users?or=()', 400, 'PGRST100'],
    ['/users?select=id&select=name', 400, 'PGRST100'],
    ['/users?select=id::regclass', 400, '42704'],
    ['/users?select=notes(*)&order=notes(id)', 400, 'PGRST118'],
    ['/users?order=notes(id)', 400, 'PGRST108'],
    ['/users?select=pairs(*)', 400, 'PGRST200'],
    ['/users?extra->>k->x=eq.1', 404, '42883'],
    ['/users?id=eq(any).1', 400, '22P02'],
    ['/users?id=neq(any).{1}', 400, 'PGRST100'],
    ['/users?name=eq.%ff', 400, 'PGRST100'],
    ['/users?id=eq.abc', 400, '22P02'],
    ['/users?name=eq.%00', 400, '22021'],
    ['/users?nope=eq.1', 400, '42703'],
    ['/users?order=nope', 400, '42703'],
    ['/users?or=(id.eq.1,nope.is.null)', 400, '42703'],
    ['/users?select=__proto__', 400, '42703'],
    ['/users?select=constructor', 400, '42703'],
    ['/USERS', 404, 'PGRST205'],
    ['/__proto__', 404, 'PGRST205'],
    ['/users/1', 404, 'PGRST125'],
    ['/%ff', 404, 'PGRST125'],
    ['/rpc/nope', 404, 'PGRST202'],
  ]
  for (const [path, status, code] of refused) {
    test(`${path} is ${status} ${code}`, async () => {
      const answer = await get(path)
      assert.deepEqual([answer.status, answer.json.code], [status, code])
      assert.deepEqual(Object.keys(answer.json).sort(), ['code', 'details', 'hint', 'message'])
      assert.equal(answer.headers.get('proxy-status'), `Plinth; error=${code}`)
    })
  }

  test('media types that no rows are made of are 406', async () => {
    for (const accept of ['text/plain', 'image/*', 'application/vnd.pgrst.plan', 'nonsense', 'text/csv;q=0']) {
      const { status, json } = await get('/users', { accept })
      assert.deepEqual([status, json.code], [406, 'PGRST107'])
    }
    assert.equal((await get('/users', { accept: 'text/plain;q=1, application/json;q=0.5' })).status, 200)
  })

  test('methods that no table takes are 405', async () => {
    for (const method of ['TRACE2', 'BREW']) {
      const { status, json } = await hub.ask(method, '/users')
      assert.deepEqual([status, json.code], [405, 'PGRST117'])
    }
    assert.equal((await hub.ask('DELETE', '/rpc/add')).json.code, 'PGRST101')
  })

  test('handling=strict names the preferences it does not know', async () => {
    const { status, json } = await get('/users', { prefer: 'handling=strict, count=exact, foo, bar=1' })
    assert.deepEqual([status, json.code, json.details], [400, 'PGRST122', 'Invalid preferences: foo, bar=1'])
    assert.equal((await get('/users', { prefer: 'foo' })).status, 200)
  })
})
