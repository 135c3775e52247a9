import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { codeOf, keys, testHub } from './support/hub.ts'
import { until } from './support/until.ts'
import type { Roles } from './support/sample.ts'

const hub = testHub(
  () => ({}),
  ({ backend, server }: Roles) => `
    create table numbers (n int primary key, text text);
    insert into numbers select n, 'ü' || n from generate_series(1, 20000) n;
    create view broken as select n, 1 / (n - 15000) as x from numbers;
    create view endless as select n, pg_sleep(case when n > 12000 then 60 else 0 end)::text as x from numbers;
    create table events (id int generated always as identity, what text);
    grant select on numbers, broken, endless to ${backend}, ${server};`,
)

const get = (path: string, headers: Readonly<Record<string, string>> = {}, signal?: AbortSignal): Promise<Response> =>
  fetch(`${hub.url}${path}`, {
    headers: { authorization: `Bearer ${keys.backend}`, ...headers },
    ...(signal && { signal }),
  })

async function rowsOf(response: Response): Promise<number> {
  const rows: unknown = await response.json()
  return Array.isArray(rows) ? rows.length : -1
}

/** Statements the hub has under way. */
async function busy(): Promise<number> {
  const [row] = await hub.sql(
    `select count(*)::int as n from pg_stat_activity where usename = $1 and state <> 'idle'`,
    [hub.roles.login],
  )
  return Number(row?.['n'])
}

async function untilIdle(): Promise<void> {
  await until(async () => (await busy()) === 0)
}

describe('a list of more rows than are held', () => {
  test('is the JSON that PostgreSQL makes, byte for byte, in pieces, the first time and later', async () => {
    const [made] = await hub.sql('select json_agg(r)::text as body from (select * from numbers order by n) r')
    for (const round of [1, 2]) {
      const response = await get('/numbers?order=n')
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('content-length'), null)
      assert.equal(response.headers.get('content-range'), null, 'where it ends is not known yet')
      assert.ok((await response.text()) === made?.['body'], `round ${round}`)
    }
    await untilIdle()
  })

  test('says its range where its rows are counted, offset and limit among them', async () => {
    const counted = { prefer: 'count=exact' }
    for (const [query, status, range, rows] of [
      ['order=n', 200, '0-19999/20000', 20_000],
      ['order=n&offset=100', 206, '100-19999/20000', 19_900],
      ['order=n&limit=6000', 206, '0-5999/20000', 6000],
      ['order=n&limit=9000&offset=15000', 206, '15000-19999/20000', 5000],
      ['order=n&n=lt.6002', 200, '0-6000/6001', 6001],
    ] as const) {
      const response = await get(`/numbers?${query}`, counted)
      assert.deepEqual([response.status, response.headers.get('content-range')], [status, range], query)
      assert.equal(await rowsOf(response), rows, query)
    }
    const beyond = await get('/numbers?order=n&offset=20001', counted)
    assert.equal(beyond.status, 416)
    await untilIdle()
  })

  test('is whole and has its range when it has become small', async () => {
    const query = '/numbers?order=n&n=lt.'
    assert.equal(await rowsOf(await get(`${query}9001`)), 9000)
    const small = await get(`${query}3`)
    assert.equal(small.headers.get('content-range'), '0-1/*')
    assert.deepEqual(await small.json(), [
      { n: 1, text: 'ü1' },
      { n: 2, text: 'ü2' },
    ])
    const none = await get(`${query}0`)
    assert.deepEqual([none.headers.get('content-range'), await none.text()], ['*/*', '[]'])
  })

  test('that fails on the way breaks off, and is never a whole answer', async () => {
    for (let round = 0; round < 2; round++) {
      const response = await get('/broken?order=n')
      assert.equal(response.status, 200)
      await assert.rejects(response.text())
    }
    const refused = await get('/broken?order=n&n=gte.15000')
    assert.equal(refused.status, 400)
    assert.equal(await codeOf(refused), '22012')
    await untilIdle()
  })

  test('is cancelled on the server when its client goes away', { timeout: 20_000 }, async () => {
    const gone = new AbortController()
    const response = await get('/endless', {}, gone.signal)
    const reader = response.body?.getReader()
    await reader?.read()
    assert.ok((await busy()) > 0)
    gone.abort()
    await untilIdle()
    assert.equal((await hub.database.health()).pool.busy, 0)
  })

  test('is refused to who reads two already, and to nobody else', { timeout: 20_000 }, async () => {
    const gone = new AbortController()
    const twice = (headers: Readonly<Record<string, string>> = {}): Promise<number[]> =>
      Promise.all([1, 2].map(async () => (await get('/endless', headers, gone.signal)).status))
    const other = { authorization: `Bearer ${keys.server}` }
    assert.deepEqual(await twice(), [200, 200])
    const refused = await get('/endless')
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '1'])
    assert.deepEqual(await twice(other), [200, 200])
    assert.equal((await get('/endless', other)).status, 503)
    gone.abort()
    await untilIdle()
    assert.equal(await rowsOf(await get('/numbers?limit=6000')), 6000)
  })

  test('of another shape is not read in pieces', async () => {
    assert.equal((await get('/numbers?limit=1', { accept: 'application/vnd.pgrst.object+json' })).status, 200)
    const many = await get('/numbers', { accept: 'application/vnd.pgrst.object+json' })
    assert.equal(many.status, 406)
    const short = await get('/numbers?order=n&limit=5000')
    assert.equal(short.headers.get('content-range'), '0-4999/*')
    await short.text()
  })
})
