import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { createHub, type Hub } from '@plinth/hub'
import { createDatabase, type Database, isPlinthError } from 'plinth'
import { createTestDatabase, type TestDatabase } from 'plinth/testing'
import { readTables } from '../src/development/tables.ts'
import { runScript } from 'plinth/migrate'
import { musicShop } from './support/chinook.ts'
import { reads } from './support/chinook-reads.ts'

// Composite keys, numeric, timestamps, nulls, sequences: each answer of the hub must be byte for byte what PostgreSQL
// makes of SQL written by hand. The rows are those of Chinook, or our own where it is not here.
const { file } = musicShop

let made: TestDatabase
let database: Database
let hub: Hub
let compared = 0

before(async () => {
  made = await createTestDatabase({ server: { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' } })
  database = createDatabase({ url: made.url })
  const script = readFileSync(file, 'utf8')
  await database.transaction((tx) => runScript(tx, file, script), { timeoutMs: 60_000 })
  // It has no boolean, and its sequences are where they should be: one is set behind its column, as they are after
  // rows were loaded with their keys.
  await database.query("select setval('genre_genre_id_seq', 1, false)")
  await database.query(
    `create view track_flag as select track_id, milliseconds > 300000 as is_long, composer like '%Angus%' as is_angus from track`,
  )
  hub = createHub({ database, runKey: 'key' })
})

after(async () => {
  await hub.close()
  await database.close()
  await made.drop()
})

interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

async function ask(path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Response> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) }
  compared += 1
  return hub.handle(
    new Request(`http://hub/${path}`, {
      method,
      headers: { authorization: 'Bearer key', 'content-type': 'application/json', ...headers },
      ...sent,
    }),
  )
}

/** What PostgreSQL itself makes of the SQL: the rows as one JSON text. */
async function asJson(sql: string): Promise<string> {
  const { rows } = await database.query<{ body: string }>(
    `select coalesce(json_agg(r), '[]')::text as body from (${sql}) as r`,
  )
  return rows[0]?.body ?? ''
}

async function firstText(sql: string): Promise<string> {
  const { rows } = await database.query<readonly string[]>(sql, [], { rows: 'text' })
  return rows[0]?.[0] ?? ''
}

for (const [path, sql] of reads) {
  test(`GET ${path}`, async () => {
    const response = await ask(path)
    const body = await response.text()
    assert.equal(response.status, 200, body)
    assert.equal(body, await asJson(sql))
  })
}

for (const [path, sql] of [
  ['track?genre_id=eq.1&order=track_id&limit=7', 'select * from track where genre_id = 1'],
  ['invoice?total=lt.1&order=invoice_id&limit=5&offset=10', 'select * from invoice where total < 1'],
  ['genre', 'select * from genre'],
  ['genre?name=eq.none', `select * from genre where name = 'none'`],
] as const) {
  test(`GET ${path} with its exact count`, async () => {
    const response = await ask(path, { headers: { prefer: 'count=exact' } })
    const total = await firstText(`select count(*) from (${sql}) as r`)
    assert.equal(response.headers.get('content-range')?.split('/')[1], total)
    await response.arrayBuffer()
  })
}

const one = { accept: 'application/vnd.pgrst.object+json' }

test('a single row comes as its object, and two rows are refused', async () => {
  const single = await ask('employee?employee_id=eq.1', { headers: one })
  assert.equal(await single.text(), await firstText('select row_to_json(e) from employee as e where employee_id = 1'))
  const several = await ask('employee?employee_id=lte.2', { headers: one })
  assert.equal(several.status, 406)
  assert.equal(JSON.parse(await several.text()).code, 'PGRST116')
})

for (const [what, asked, sql, status] of [
  [
    'a sequence behind its column',
    ['genre', { method: 'POST', body: { name: 'Polka' } }],
    `insert into genre (name) values ('Polka')`,
    409,
  ],
  [
    'a missing parent',
    ['album', { method: 'POST', body: { album_id: 9001, title: 'x', artist_id: 9999 } }],
    `insert into album values (9001, 'x', 9999)`,
    409,
  ],
  [
    'a child that is left',
    ['artist?artist_id=eq.1', { method: 'DELETE' }],
    'delete from artist where artist_id = 1',
    409,
  ],
  [
    'a missing value',
    ['album', { method: 'POST', body: { album_id: 9001, artist_id: 1 } }],
    'insert into album (album_id, artist_id) values (9001, 1)',
    400,
  ],
  [
    'a text too long',
    ['genre?genre_id=eq.1', { method: 'PATCH', body: { name: 'x'.repeat(121) } }],
    `update genre set name = '${'x'.repeat(121)}' where genre_id = 1`,
    400,
  ],
  ['a text for a number', ['album?album_id=eq.seven', {}], `select * from album where album_id = 'seven'`, 400],
  [
    'a number too large',
    ['invoice?invoice_id=eq.1', { method: 'PATCH', body: { total: 123456789 } }],
    'update invoice set total = 123456789 where invoice_id = 1',
    400,
  ],
  [
    'a doubled composite key',
    ['playlist_track', { method: 'POST', body: { playlist_id: 1, track_id: 1 } }],
    'insert into playlist_track values (1, 1)',
    409,
  ],
] as const) {
  test(`${what} is refused as PostgreSQL refuses it`, async () => {
    const response = await ask(asked[0], asked[1])
    const body: { code: string; message: string } = JSON.parse(await response.text())
    assert.equal(response.status, status)
    const error: unknown = await database.query(sql).catch((failure: unknown) => failure)
    assert.ok(isPlinthError(error))
    assert.deepEqual([body.code, body.message], [error.sqlstate, error.server?.message])
  })
}

const back = { prefer: 'return=representation' }
const merge = { prefer: 'return=representation,resolution=merge-duplicates' }
const ignore = { prefer: 'return=representation,resolution=ignore-duplicates' }

// Each write, and the SQL that shows what it must have left.
const writes: readonly (readonly [what: string, path: string, asked: Asked, status: number, sql: string])[] = [
  [
    'insert one',
    'genre',
    { method: 'POST', headers: back, body: { genre_id: 100, name: "Drum'n'Bass" } },
    201,
    `select 100 as genre_id, 'Drum''n''Bass' as name`,
  ],
  [
    'insert one, numbered by its sequence',
    'media_type',
    { method: 'POST', headers: back, body: { name: 'FLAC' } },
    201,
    `select 6 as media_type_id, 'FLAC' as name`,
  ],
  [
    'insert many, with different keys',
    'genre?columns=genre_id,name',
    { method: 'POST', headers: back, body: [{ genre_id: 101, name: 'Fado' }, { genre_id: 102 }] },
    201,
    'select * from genre where genre_id in (101, 102) order by genre_id',
  ],
  [
    'insert numbers and times',
    'invoice',
    {
      method: 'POST',
      headers: back,
      body: { invoice_id: 1000, customer_id: 1, invoice_date: '2026-02-28T23:59:59.5', total: '12345678.90' },
    },
    201,
    'select * from invoice where invoice_id = 1000',
  ],
  [
    'insert a composite key',
    'playlist_track',
    {
      method: 'POST',
      headers: back,
      body: [
        { playlist_id: 2, track_id: 1 },
        { playlist_id: 2, track_id: 2 },
      ],
    },
    201,
    'select * from playlist_track where playlist_id = 2 order by track_id',
  ],
  [
    'upsert a row that is there',
    'genre',
    { method: 'POST', headers: merge, body: { genre_id: 100, name: 'Jungle' } },
    200,
    `select 100 as genre_id, 'Jungle' as name`,
  ],
  [
    'upsert one old and one new',
    'artist',
    {
      method: 'POST',
      headers: merge,
      body: [
        { artist_id: 1, name: 'AC-DC' },
        { artist_id: 900, name: 'Zaz' },
      ],
    },
    201,
    'select * from artist where artist_id in (1, 900) order by artist_id',
  ],
  [
    'upsert a composite key and leave it',
    'playlist_track',
    {
      method: 'POST',
      headers: ignore,
      body: [
        { playlist_id: 2, track_id: 1 },
        { playlist_id: 2, track_id: 3 },
      ],
    },
    201,
    'select 2 as playlist_id, 3 as track_id',
  ],
  [
    'change one',
    'genre?genre_id=eq.101',
    { method: 'PATCH', headers: back, body: { name: 'Fado de Coimbra' } },
    200,
    'select * from genre where genre_id = 101',
  ],
  [
    'change many',
    'track?album_id=eq.1',
    { method: 'PATCH', headers: back, body: { unit_price: 1.29, composer: null } },
    200,
    'select * from track where album_id = 1',
  ],
  [
    'change and choose columns',
    'customer?country=eq.Norway&select=id:customer_id,phone',
    { method: 'PATCH', headers: back, body: { phone: '+47 "1" \\ \'2\'' } },
    200,
    `select customer_id as id, phone from customer where country = 'Norway'`,
  ],
  [
    'change nothing',
    'genre?genre_id=eq.7777',
    { method: 'PATCH', headers: back, body: { name: 'x' } },
    200,
    'select * from genre where genre_id = 7777',
  ],
  [
    'delete',
    'playlist_track?playlist_id=eq.2&track_id=in.(2,3)&select=track_id',
    { method: 'DELETE', headers: back },
    200,
    'select x as track_id from (values (2), (3)) as v (x)',
  ],
]

test('writes answer what they wrote and leave what SQL finds', async (t) => {
  for (const [what, path, asked, status, sql] of writes) {
    await t.test(what, async () => {
      const response = await ask(path, asked)
      const body = await response.text()
      assert.equal(response.status, status, body)
      assert.deepEqual(sorted(body), sorted(await asJson(sql)))
    })
  }
  assert.equal(await firstText('select count(*) from playlist_track where playlist_id = 2'), '1')
  const quiet = await ask('genre?genre_id=gte.100', { method: 'DELETE' })
  assert.equal(quiet.status, 204)
  assert.equal(await firstText('select count(*) from genre'), '25')
})

/** The order of written rows is nobody's promise. */
function sorted(json: string): string[] {
  const rows: unknown[] = JSON.parse(json)
  return rows.map((row) => JSON.stringify(row)).toSorted()
}

test('the counts of what was compared', async (t) => {
  const tables = await readTables(database, ['public'], [])
  await database.query('delete from artist where artist_id = 900')
  await database.query('delete from media_type where media_type_id = 6')
  await database.query('delete from invoice where invoice_id = 1000')
  await database.query('delete from playlist_track where playlist_id = 2')
  const counts = await Promise.all(
    tables.map(async ({ relation }) => Number(await firstText(`select count(*) from ${relation.name}`))),
  )
  const rows = counts.reduce((sum, count) => sum + count, 0)
  t.diagnostic(`${file}: ${tables.length} tables, ${rows} rows, ${compared} requests compared with SQL`)
  assert.deepEqual([tables.length, rows], [11, musicShop.rows])
  assert.ok(compared >= 60)
})
