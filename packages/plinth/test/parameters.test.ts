import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import * as fc from 'fast-check'
import { createDatabase } from '../src/database/database.ts'
import type { Value } from '../src/index.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()
const db = createDatabase({ url, pool: { max: 2, sharedLanes: 1 } })
after(() => db.close())

async function backFrom(type: string, value: Value): Promise<unknown> {
  return (await db.query(`select $1::${type} as value`, [value])).rows[0]?.['value']
}

async function textFrom(type: string, value: Value): Promise<unknown> {
  return (await db.query(`select $1::${type}::text as value`, [value])).rows[0]?.['value']
}

const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((s) => !s.includes('\0') && s.isWellFormed())
const awkward = fc.oneof(
  text,
  fc.constantFrom('', 'NULL', 'null', '{}', '{"a"}', '"', '\\', '\\"', ',', ' a ', "'", '\n', '\t', '$1', '\\x00'),
)
const runs = { numRuns: 150 }

function roundTrip<T extends Value>(name: string, type: string, values: fc.Arbitrary<T>): void {
  test(`${name} come back as they went in`, () =>
    fc.assert(
      fc.asyncProperty(values, async (value) => assert.deepEqual(await backFrom(type, value), value)),
      runs,
    ))
}

roundTrip('texts', 'text', awkward)
roundTrip('doubles', 'float8', fc.double())
roundTrip('integers', 'int4', fc.integer())
roundTrip('booleans', 'bool', fc.boolean())
roundTrip('bytes', 'bytea', fc.uint8Array({ maxLength: 40 }))
roundTrip('lists of texts with nulls', 'text[]', fc.array(fc.option(awkward), { maxLength: 6 }))
roundTrip('lists of integers with nulls', 'int[]', fc.array(fc.option(fc.integer()), { maxLength: 6 }))
roundTrip(
  'instants from the year 4000 BC to 200,000',
  'timestamptz',
  fc.date({ min: new Date(-188_395_000_000_000), max: new Date(6_248_000_000_000_000), noInvalidDate: true }),
)
roundTrip(
  'lists of instants',
  'timestamptz[]',
  fc.array(
    fc.date({ min: new Date(-188_395_000_000_000), max: new Date(6_248_000_000_000_000), noInvalidDate: true }),
    { maxLength: 4 },
  ),
)
roundTrip(
  'json objects',
  'jsonb',
  fc.dictionary(
    fc.constantFrom('a', 'b', '"', '\\', '\u2028'),
    fc.oneof(awkward, fc.integer(), fc.boolean(), fc.constant(null)),
    { noNullPrototype: true },
  ),
)
roundTrip(
  'lists of lists',
  'text[]',
  fc
    .integer({ min: 1, max: 3 })
    .chain((n) =>
      fc.array(fc.array(fc.option(awkward), { minLength: n, maxLength: n }), { minLength: 1, maxLength: 3 }),
    ),
)

test('bigints keep every digit', () =>
  fc.assert(
    fc.asyncProperty(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), async (value) =>
      assert.equal(await textFrom('int8', value), String(value)),
    ),
    runs,
  ))

test('lists hold bytes, objects and nothing at all', async () => {
  assert.equal(await textFrom('bytea[]', [new Uint8Array([0, 92, 34]), Buffer.from('a')]), '{"\\\\x005c22","\\\\x61"}')
  assert.deepEqual(await backFrom('jsonb[]', [{ a: '"\\' }, null]), [{ a: '"\\' }, null])
  assert.deepEqual(await backFrom('text[]', []), [])
  assert.equal(await textFrom('float8', -0), '-0')
})

const cyclic: Record<string, unknown> = {}
cyclic['self'] = cyclic
const refused: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['undefined in a list', ['a', undefined]],
  // oxlint-disable-next-line no-sparse-arrays -- the hole is what is tested
  ['a hole in a list', ['a', , 'b']],
  ['a lone surrogate', 'a\ud800'],
  ['a lone surrogate in a list', [['\udc00']]],
  ['an invalid Date', new Date(Number.NaN)],
  ['a function', () => 1],
  ['a symbol', Symbol('a')],
  ['an object that contains itself', cyclic],
  ['an object with a bigint in it', { a: 1n }],
  ['an object that turns into nothing', { toJSON: () => undefined }],
]
for (const [name, value] of refused)
  test(`${name} is refused, and the lane goes on`, async () => {
    await assert.rejects(db.query('select $1::text as a', [value as Value]), { code: 'InvalidOperation' })
    await assert.rejects(db.query('select $1::text, $2', [1, value as Value]), { code: 'InvalidOperation' })
    assert.deepEqual((await db.query('select 1 as n')).rows, [{ n: 1 }])
  })

test('a hole in the list of values is refused', async () => {
  // oxlint-disable-next-line no-sparse-arrays -- the hole is what is tested
  await assert.rejects(db.query('select $1::text, $2::text', [, 'b'] as unknown as Value[]), {
    code: 'InvalidOperation',
  })
})

test('U+0000 in a text is refused', async () => {
  await assert.rejects(db.query('select $1::text', ['a\0b']), { code: /^Invalid(Value|Operation)$/ })
})

test('settings that are no text are refused, and the lane goes on', async () => {
  for (const value of [5, null, undefined, {}, '\ud800', 'a\0'])
    await assert.rejects(db.query('select 1', [], { settings: { 'app.user': value as string } }), {
      code: /^Invalid(Option|Operation|Value)$/,
    })
  assert.deepEqual((await db.query('select 1 as n')).rows, [{ n: 1 }])
})

test('a column named __proto__ is a column', async () => {
  const { rows } = await db.query('select 1 as "__proto__", 2 as b')
  assert.deepEqual(Object.entries(rows[0] ?? {}), [
    ['__proto__', 1],
    ['b', 2],
  ])
  assert.equal(Object.getPrototypeOf(rows[0]), Object.prototype)
})
