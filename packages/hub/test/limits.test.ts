import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { ask, codeOf, keys, testHub } from './support/hub.ts'

const hub = testHub(() => ({ limits: { headersTimeoutMs: 1_000, requestTimeoutMs: 2_000, statementTimeoutMs: 5_000 } }))
const authorization = `Bearer ${keys.backend}`

describe('a request that is too large', () => {
  test('of nothing but spaces behind Bearer is refused at once', async () => {
    const patient = hub.another({ limits: { headerBytes: 1_000_000 } })
    const headers = { authorization: `Bearer${' '.repeat(100_000)}a b` }
    const startedAt = performance.now()
    assert.equal((await ask(patient, 'GET', '/users', { headers })).json.code, 'PGRST301')
    assert.ok(performance.now() - startedAt < 5_000, 'each space was tried with each other')
  })

  test('in its URL is 414, with and without a socket', async () => {
    const path = `/users?name=eq.${'x'.repeat(9_000)}`
    assert.equal((await hub.ask('GET', path)).status, 414)
    const response = await fetch(hub.url + path, { headers: { authorization } })
    assert.deepEqual([response.status, await codeOf(response)], [414, 'PLT414'])
  })

  test('in its headers is 431, with and without a socket', async () => {
    const headers = { 'x-large': 'x'.repeat(17_000) }
    assert.equal((await hub.ask('GET', '/users', { headers })).status, 431)
    const answer = await exchange(`GET /users HTTP/1.1\r\nhost: hub\r\nx-large: ${'x'.repeat(17_000)}\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
    assert.deepEqual(Object.keys(bodyOf(answer)).sort(), ['code', 'details', 'hint', 'message'])
  })

  test('in its body is 413, with and without a socket, and is not written', async () => {
    const text = JSON.stringify([{ body: 'x'.repeat(1_048_577) }])
    assert.equal((await hub.ask('POST', '/notes', { text })).status, 413)
    const headers = { authorization, 'content-type': 'application/json' }
    const response = await fetch(`${hub.url}/notes`, { method: 'POST', body: text, headers })
    assert.deepEqual([response.status, await codeOf(response)], [413, 'PLT413'])
    assert.deepEqual(await hub.sql('select count(*)::int as n from notes'), [{ n: 0 }])
    assert.equal(
      (await hub.ask('POST', '/notes', { text: JSON.stringify([{ body: 'x'.repeat(1_000_000) }]) })).status,
      201,
    )
    await hub.sql('truncate notes')
  })

  test('in its body is not read further than that, without a socket', async () => {
    let pulled = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 65_536
        controller.enqueue(new Uint8Array(65_536))
      },
    })
    const init = { method: 'POST', body, duplex: 'half', headers: { authorization } } as const
    const response = await hub.hub.handle(new Request('http://hub/notes', init))
    assert.equal(response.status, 413)
    assert.ok(pulled < 2_000_000, `${pulled} bytes were read`)
  })

  test('in its answer is PLT400, and what would have written is undone', async () => {
    await using small = hub.another({ limits: { answerBytes: 2_000 } })
    await hub.sql(`insert into notes (body) select repeat('x', 100) from generate_series(1, 20)`)
    const called = await ask(small, 'POST', '/rpc/add_notes', { body: { n: 60 } })
    const headers = { prefer: 'return=representation' }
    const changed = await ask(small, 'PATCH', '/notes?id=gt.0', { body: { body: 'y'.repeat(100) }, headers })
    for (const { status, json } of [called, changed]) assert.deepEqual([status, json.code], [400, 'PLT400'])
    assert.match(called.json.details, /^The answer is \d{4} bytes long/)
    const written = `select count(*)::int as n from notes where body not like 'x%'`
    assert.deepEqual(await hub.sql(written), [{ n: 0 }])
    assert.equal((await ask(small, 'GET', '/notes?select=body')).json.length, 20)
    assert.equal((await ask(small, 'GET', '/notes?select=body&limit=10')).status, 200)
    assert.equal((await ask(small, 'HEAD', '/notes?select=body')).status, 200)
    await hub.sql('truncate notes')
  })

  test('by a column named over and over for many rows does not grow: it is one column, or refused', async () => {
    const rows = Array.from({ length: 10_000 }, () => ({}))
    const columns = Array.from({ length: 900 }, () => 'body')
    const headers = { prefer: 'missing=default' }
    const once = await hub.ask('POST', `/notes?columns=${columns.join(',')}`, { body: rows, headers })
    assert.equal(once.status, 201)
    const { status, json } = await hub.ask('POST', '/-/run', {
      body: { kind: 'insert', target: { name: 'notes' }, columns, rows, result: 'count' },
    })
    assert.deepEqual([status, json.code], [400, 'PGRST100'])
  })

  test('by columns that every row is filled up with is refused before they are', async () => {
    const columns = (count: number): string => Array.from({ length: count }, (_, i) => `c${i}`).join(',')
    const rows = JSON.stringify(Array.from({ length: 10_000 }, () => ({})))
    const unknown = await hub.ask('POST', `/notes?columns=${columns(900)}`, { text: rows })
    assert.deepEqual([unknown.status, unknown.json.code], [400, 'PGRST204'])
    await hub.sql(`create table wide (${columns(101).replaceAll(',', ' int,')} int)`)
    await hub.hub.reloadSchema()
    const wide = await hub.ask('POST', `/wide?columns=${columns(101)}`, { text: rows })
    assert.deepEqual([wide.status, wide.json.code], [400, 'PLT400'])
  })

  test('by names that no function has is told of few of them', async () => {
    const names = Array.from({ length: 50_000 }, (_, i) => [`x${i}`, 1])
    const { status, text } = await hub.ask('POST', '/rpc/add', { body: Object.fromEntries(names) })
    assert.equal(status, 404)
    assert.ok(text.length < 3_000, `${text.length} characters`)
  })

  test('in the number of values of a form or of lines of CSV is PLT400', async () => {
    for (const [type, text] of [
      ['application/x-www-form-urlencoded', '&a'.repeat(500_000)],
      ['text/csv', `body${'\na'.repeat(500_000)}`],
    ] as const) {
      const { status, json } = await hub.ask('POST', '/notes', { text, headers: { 'content-type': type } })
      assert.deepEqual([status, json.code], [400, 'PLT400'], type)
    }
  })

  test('in what it asks for is PLT400, however it is spelled', async () => {
    const many = (count: number, text: string, separator = ','): string =>
      Array.from({ length: count }, () => text).join(separator)
    const nested = (depth: number): string => `${'and('.repeat(depth)}id.eq.1${')'.repeat(depth)}`
    const paths = [
      `/users?select=${many(1_001, 'id')}`,
      `/users?order=${many(1_001, 'id')}`,
      `/users?${many(1_001, 'id=gt.0', '&')}`,
      `/users?and=(${nested(64)})`,
      `/users?id=in.(${many(1_001, '1')})`,
      `/users?or=(${many(400, 'id.eq.1')})&select=${many(400, 'id')}&order=${many(400, 'id')}`,
    ]
    for (const path of paths) {
      const { status, json } = await hub.ask('GET', path)
      assert.deepEqual([status, json.code], [400, 'PLT400'], path.slice(0, 30))
    }
    assert.equal((await hub.ask('GET', `/users?select=id&and=(${nested(63)})`)).status, 200)
    assert.equal((await hub.ask('GET', `/users?select=id&id=in.(${many(1_000, '1')})`)).status, 200)
  })

  test('by tables embedded in each other or side by side is refused before it is planned', async () => {
    const chain = (depth: number, at = 0): string =>
      depth === 0 ? 'id' : `id,${at % 2 ? 'u:users' : 'n:notes'}!inner(${chain(depth - 1, at + 1)})`
    const path = (at: number): string => Array.from({ length: at + 1 }, (_, i) => (i % 2 ? 'u' : 'n')).join('.')
    const asked = (depth: number): string =>
      Array.from({ length: depth }, (_, at) => `&${path(at)}=not.is.null`.repeat(3)).join('')
    assert.equal((await hub.ask('GET', `/users?select=${chain(10)}${asked(10)}`)).text, '[]')
    assert.equal((await hub.ask('GET', `/users?select=${chain(11)}`)).json.code, 'PLT400')
    const aside = Array.from({ length: 50 }, (_, i) => `n${i}:notes(id)`).join(',')
    const { status, json } = await hub.ask('GET', `/users?select=${aside}`)
    assert.deepEqual([status, json.code], [400, 'PGRST100'])
    assert.match(json.message, /more than 100 places/)
  })

  test('by a star over and over is no larger than by one', async () => {
    const stars = Array.from({ length: 900 }, () => '*').join(',')
    const { status, text } = await hub.ask('GET', `/users?select=${stars}&id=eq.1`)
    assert.deepEqual([status, text], [200, (await hub.ask('GET', '/users?id=eq.1')).text])
    assert.equal((await hub.ask('GET', `/users?select=*,id,${stars}`)).status, 200)
  })

  test('in its nesting is refused before it is parsed', async () => {
    for (const text of [`{"extra":${'['.repeat(64)}${']'.repeat(64)}}`, '['.repeat(500_000), '{"a":'.repeat(100_000)]) {
      const { status, json } = await hub.ask('POST', '/users', { text })
      assert.deepEqual([status, json.code], [400, 'PLT400'])
      assert.equal((await hub.ask('POST', '/-/run', { text })).status, 400)
    }
    const brackets = JSON.stringify({ body: `${'['.repeat(100)}\\"${'{'.repeat(100)}` })
    assert.equal((await hub.ask('POST', '/notes', { text: brackets })).status, 201)
    await hub.sql('truncate notes')
  })

  test('in its number of rows is PLT400', async () => {
    const rows = Array.from({ length: 10_001 }, () => ({}))
    assert.equal((await hub.ask('POST', '/notes', { body: rows })).json.code, 'PLT400')
  })
})

describe('text that is none', () => {
  const hostile: readonly (readonly [string, string | Uint8Array<ArrayBuffer>, string])[] = [
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'PGRST102'],
    ['a NUL in a text', '{"body":"a\\u0000b"}', '22P05'],
    ['half a surrogate pair', '{"body":"\\ud800"}', '22P02'],
    ['a number of another world', '{"author":1e400}', '22P02'],
  ]
  for (const [name, text, code] of hostile) {
    test(`${name} is ${code}`, async () => {
      const { status, json } = await hub.ask('POST', '/notes', { text })
      assert.deepEqual([status, json.code], [400, code])
    })
  }
})

describe('a URL or header that is no text', () => {
  for (const [name, path] of [
    ['a NUL in a value', '/users?name=eq.a%00b'],
    ['a NUL in a name', '/users?na%00me=eq.a'],
    ['a NUL in a path', '/us%00ers'],
    ['half a surrogate pair', '/users?name=eq.%ED%A0%80'],
    ['bytes that are not UTF-8', '/users?select=%FF'],
    ['a percent sign alone', '/users?name=eq.%'],
    ['a number of another world', '/users?id=eq.1e400'],
    ['a limit of another world', '/users?limit=1e400'],
    ['an id past 64 bits', '/users?id=eq.99999999999999999999'],
  ] as const) {
    test(`is refused and no fault: ${name}`, async () => {
      const { status, json } = await hub.ask('GET', path)
      assert.ok(status >= 400 && status < 500, `${status} ${JSON.stringify(json)}`)
      assert.deepEqual(Object.keys(json).sort(), ['code', 'details', 'hint', 'message'])
    })
  }

  test('keeps an id of 64 bits to its last digit', async () => {
    await hub.sql(`insert into users (id, name) values (9223372036854775807, 'last')`)
    const { text } = await hub.ask('GET', '/users?id=eq.9223372036854775807&select=id')
    assert.equal(text, '[{"id":9223372036854775807}]')
    await hub.sql(`delete from users where name = 'last'`)
  })
})

test('a URL with scheme and host is read as one without', async () => {
  const url = 'http://elsewhere:1/users?select=id&id=eq.1'
  const answer = await exchange(
    `GET ${url} HTTP/1.1\r\nhost: hub\r\nauthorization: ${authorization}\r\nconnection: close\r\n\r\n`,
  )
  assert.ok(answer.endsWith('[{"id":1}]'), answer)
})

describe('a slow client', () => {
  test('that does not finish its headers is told 408', async () => {
    const answer = await exchange('GET /users HTTP/1.1\r\nhost: hub\r\nx-slow: ')
    assert.match(answer, /^HTTP\/1\.1 408 Request Timeout\r\n/)
    assert.equal(bodyOf(answer)['code'], 'PLT408')
  })

  test('that does not finish its body is told 408, and nothing is written', async () => {
    const head = `POST /notes HTTP/1.1\r\nhost: hub\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\n`
    const answer = await exchange(`${head}content-length: 100\r\n\r\n{"body":`)
    assert.match(answer, /^HTTP\/1\.1 408 /)
    assert.deepEqual(await hub.sql('select count(*)::int as n from notes'), [{ n: 0 }])
  })

  test('does not hold up others: 200 of them, and a request is answered', async () => {
    const slow = await Promise.all(Array.from({ length: 200 }, () => open('GET /users HTTP/1.1\r\nx: ')))
    const response = await fetch(`${hub.url}/users?select=id&limit=1`, { headers: { authorization } })
    assert.equal(response.status, 200)
    for (const socket of slow) socket.destroy()
  })

  test('that never reads its answer is cut off', async () => {
    await hub.sql(`create function much() returns text language sql as $$ select repeat('x', 20000000) $$`)
    await hub.sql(`grant execute on function much() to ${hub.roles.backend}`)
    const impatient = hub.another({
      limits: { requestTimeoutMs: 300, headersTimeoutMs: 300, statementTimeoutMs: 2_000 },
    })
    const url = await impatient.listen({ port: 0 })
    const socket = await open(`GET /rpc/much HTTP/1.1\r\nhost: hub\r\nauthorization: ${authorization}\r\n\r\n`, url)
    await once(socket, 'readable')
    const startedAt = Date.now()
    await impatient.close({ deadlineMs: 30_000 })
    assert.ok(Date.now() - startedAt < 20_000, 'the connection was open until the deadline of close')
    socket.destroy()
  })

  test('that goes on with what is no request hears first what became of its write', async () => {
    const head = `POST /notes HTTP/1.1\r\nhost: hub\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\n`
    const answer = await exchange(`${head}content-length: 12\r\n\r\n{"body":"a"}hello\r\n\r\n`)
    assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 201', 'HTTP/1.1 400'])
    assert.deepEqual(await hub.sql('delete from notes returning body'), [{ body: 'a' }])
  })

  test('that does not speak HTTP gets an error and is hung up on', async () => {
    const answer = await exchange('hello\r\n\r\n')
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
    assert.equal(bodyOf(answer)['code'], 'PLT400')
  })
})

describe('a slow statement', () => {
  test('is ended by the server after the time a request may take', async () => {
    await hub.sql('create function nap() returns void language sql volatile as $$ select pg_sleep(10) $$')
    await hub.sql(`grant execute on function nap() to ${hub.roles.backend}`)
    const quick = hub.another({ limits: { statementTimeoutMs: 100 } })
    const response = await quick.handle(
      new Request('http://hub/rpc/nap', { method: 'POST', headers: { authorization } }),
    )
    assert.deepEqual([response.status, await codeOf(response)], [500, '57014'])
  })
})

test('a limit that is no number stops the start', () => {
  for (const limits of [{ nodes: 0 }, { depth: -1 }, { bodyBytes: Number.NaN }, { rows: 1.5 }])
    assert.throws(() => hub.another({ limits }), { code: 'InvalidOption' })
})

async function open(text: string, url: string = hub.url): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => socket.destroy())
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  socket.write(text)
  return socket
}

/** Sends the text, then waits for the hub to answer and hang up. */
async function exchange(text: string): Promise<string> {
  const socket = await open(text)
  let answer = ''
  for await (const chunk of socket.setEncoding('utf8')) answer += chunk
  return answer
}

function bodyOf(answer: string): Record<string, unknown> {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
}
