import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { objectReader } from '../src/operation/row-reader.ts'
import { decoderFor } from '../src/operation/decode.ts'
import { table } from '../src/operation/table.ts'
import { arrayText } from '../src/operation/array-text.ts'
import { testDatabase } from './support/database.ts'
import { answer, pgRunner } from './support/pg-runner.ts'

const { url } = await testDatabase()
const runner = pgRunner(url)
after(() => runner.close())

async function read(text: string, values: readonly string[] = []): Promise<Record<string, unknown>> {
  const { columns, rows } = await answer(runner.client, { text, values })
  const row = rows[0]
  assert.ok(row)
  return objectReader(columns)(row)
}

const expressions: readonly (readonly [sql: string, value: unknown])[] = [
  ['null::int', null],
  ["'-9223372036854775808'::int8", '-9223372036854775808'],
  ["'NaN'::numeric", 'NaN'],
  ["'-Infinity'::numeric", '-Infinity'],
  ["'NaN'::float8", Number.NaN],
  ["'-Infinity'::float4", Number.NEGATIVE_INFINITY],
  ["'-0'::float8", -0],
  ['4294967295::oid', 4294967295],
  ["'\\x'::bytea", new Uint8Array()],
  ["'2026-11-20 13:45:00.123456+00'::timestamptz", new Date('2026-11-20T13:45:00.123Z')],
  ["'2026-11-20 13:45:00'::timestamp", new Date('2026-11-20T13:45:00Z')],
  ["'0001-01-01 00:00:00+00'::timestamptz", new Date('0001-01-01T00:00:00Z')],
  ["'0044-03-15 12:00:00 BC'::timestamp", new Date('-000043-03-15T12:00:00Z')],
  ["'4713-01-01 00:00:00 BC'::timestamp", new Date('-004712-01-01T00:00:00Z')],
  ["'12026-01-01 00:00:00'::timestamp", new Date('+012026-01-01T00:00:00Z')],
  ["'294276-12-31 23:59:59'::timestamp", '294276-12-31 23:59:59'],
  ["'infinity'::timestamptz", 'infinity'],
  ["'-infinity'::date", '-infinity'],
  ["'2026-11-20'::date", '2026-11-20'],
  ["'13:45:00.5+02'::timetz", '13:45:00.5+02'],
  ["'1 day'::interval", '1 day'],
  ["array['a','NULL',null,'','{','\"','\\', 'a,b', ' ']", ['a', 'NULL', null, '', '{', '"', '\\', 'a,b', ' ']],
  ["'[0:1]={7,8}'::int[]", [7, 8]],
  [
    "'[-2:-1][3:4]={{1,2},{3,NULL}}'::int[]",
    [
      [1, 2],
      [3, null],
    ],
  ],
  ["'{}'::text[]", []],
  [
    'array[[[1],[2]],[[3],[4]]]',
    [
      [[1], [2]],
      [[3], [4]],
    ],
  ],
  ['array[\'{"a":[1,"\\""]}\', \'null\']::jsonb[]', [{ a: [1, '"'] }, null]],
  ["array['\\x00ff', '']::bytea[]", [Uint8Array.from([0, 255]), new Uint8Array()]],
  ["array['[1,3)', 'empty']::int4range[]", ['[1,3)', 'empty']],
  ["array['08:00:2b:01:02:03']::macaddr[]", ['08:00:2b:01:02:03']],
  ["array['101']::bit(3)[]", ['101']],
  ["'null'::jsonb", null],
  ['\'"text"\'::json', 'text'],
  ['\'{"__proto__": {"x": 1}}\'::json', JSON.parse('{"__proto__": {"x": 1}}')],
  ["'(1,2)'::point", '(1,2)'],
  ["row(1,'a b')", '(1,"a b")'],
]

for (const [sql, value] of expressions) {
  test(`${sql} is read as its value`, async () => assert.deepEqual(await read(`select ${sql} as value`), { value }))
}

test('an instant is the same in every time zone, of the session and of history', async () => {
  const zones = [
    'UTC',
    'America/St_Johns',
    'Asia/Kathmandu',
    'Pacific/Chatham',
    'Europe/Amsterdam',
    '-12',
    '+14',
    'America/Caracas',
  ]
  const instants = [
    '2026-03-29T01:30:00.001Z',
    '1900-01-01T00:00:00.000Z',
    '1883-11-18T12:03:57.999Z',
    '0500-06-01T00:00:00.000Z',
    '1969-12-31T23:59:59.999Z',
  ]
  for (const zone of zones) {
    await read("select set_config('TimeZone', $1, false)", [zone])
    for (const instant of instants) {
      const { at, list } = await read('select $1::timestamptz as at, array[$1::timestamptz] as list', [instant])
      assert.ok(at instanceof Date)
      assert.equal(at.toISOString(), instant, zone)
      assert.deepEqual(list, [at])
    }
  }
  await read("select set_config('TimeZone', 'UTC', false)")
})

test('any list of texts survives as an array, nested or not', async () => {
  const item = fc.option(
    fc.string({ unit: 'binary', maxLength: 6 }).map((text) => text.replaceAll('\0', '').toWellFormed()),
  )
  const special = fc.constantFrom('NULL', 'null', '"', '\\', '\\"', '{', '}', ',', ' ', '', '\n', '[1:2]={', "'")
  const list = fc.array(fc.oneof(item, special), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(list, async (items) => {
      const texts = [arrayText(items), arrayText([items, items])]
      const { flat, nested } = await read('select $1::text[] as flat, $2::text[] as nested', texts)
      assert.deepEqual(flat, items)
      assert.deepEqual(nested, [items, items])
    }),
    { numRuns: 200 },
  )
})

test('any bytes and any date in the range of JavaScript survive', async () => {
  const dates = fc.date({
    min: new Date('-004712-01-02T00:00:00Z'),
    max: new Date('+200000-01-01T00:00:00Z'),
    noInvalidDate: true,
  })
  const survivors = table('survivor')
  await runner.client.query('create table survivor (bytes bytea, at timestamptz, local timestamp)')
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), dates, async (bytes, at) => {
      assert.deepEqual(await runner.run(survivors.insert({ bytes, at, local: at })), {
        bytes: new Uint8Array(bytes),
        at,
        local: at,
      })
    }),
    { numRuns: 200 },
  )
})

test('a column called __proto__ is a column', async () => {
  const row = await read('select 1 as "__proto__", 2 as constructor')
  assert.deepEqual(Object.entries(row), [
    ['__proto__', 1],
    ['constructor', 2],
  ])
  assert.equal(Object.getPrototypeOf(row), Object.prototype)
})

test('bytea in the escape format is an error, not other bytes', () => {
  assert.throws(() => decoderFor(17)('abc'), { code: 'InvalidValue', outcome: 'unknown' })
})

test('text that PostgreSQL never sends is an error, whatever the oid says, and ends', () => {
  const broken: readonly (readonly [oid: number, text: string])[] = [
    [114, '{x'],
    [3802, ''],
    [1009, '{"never ended'],
    [1009, '{"ended by a backslash\\'],
    [1007, '{'.repeat(100_000)],
    [199, '{"{x"}'],
  ]
  for (const [oid, text] of broken)
    assert.throws(() => decoderFor(oid)(text), { code: 'InvalidValue', outcome: 'unknown' }, text.slice(0, 30))
})
