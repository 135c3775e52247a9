import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeCursor, encodeCursor } from '../src/operation/cursor.ts'
import { call } from '../src/operation/call.ts'
import { rowsAfter } from '../src/operation/keyset.ts'
import { table } from '../src/operation/table.ts'

const users = table('users')
const pairs = table('pairs', { key: ['a', 'b'] })

/** A value of any type, as it comes from code without types. */
const untyped = (value: unknown): never => value as never

const faults: readonly (readonly [name: string, build: () => unknown, message: RegExp])[] = [
  ['undefined in a condition', () => users.find({ name: undefined }), /"name" is undefined/],
  ['undefined under a test', () => users.find({ name: { eq: undefined } }), /"name" is undefined/],
  ['undefined in a list', () => users.find({ id: { in: [1, undefined] } }), /"id" is undefined/],
  ['null in a list', () => users.find({ id: { in: [1, null] } }), /"id" is null/],
  ['undefined as a key', () => users.get(undefined), /"id" is undefined/],
  ['null as a key', () => users.get(null), /"id" is null/],
  ['a list as a key', () => users.get([1]), /"id" is a list/],
  ['a part of a key', () => pairs.get({ a: 1 }), /The key of pairs is \{ a, b \}/],
  ['more than a key', () => pairs.get({ a: 1, b: 2, c: 3 }), /The key of pairs/],
  ['a single value for a composite key', () => pairs.get(1), /The key of pairs/],
  ['a list in a condition', () => users.find({ id: [1] }), /"id" is a list/],
  ['an object in a condition', () => users.find({ id: { eq: { a: 1 } } }), /"id" is an object/],
  ['a class in a condition', () => users.find({ id: new Map() }), /"id" is an object \(Map\)/],
  ['a function in a condition', () => users.find({ id: () => 1 }), /"id" is a function/],
  ['no test', () => users.find({ id: {} }), /holds no test/],
  ['an unknown test', () => users.find({ id: { $gt: 1 } }), /"\$gt" is no test/],
  ['a test of the prototype', () => users.find({ id: { toString: 1 } }), /"toString" is no test/],
  ['greater than null', () => users.find({ id: { gt: null } }), /can never hold/],
  ['a list that is none', () => users.find({ id: { in: 1 } }), /takes a list/],
  ['an empty or', () => users.find({ or: [] }), /`or` takes a list of at least one/],
  ['an empty part', () => users.find({ and: [{}] }), /condition on users is empty/],
  ['an empty not', () => users.find({ not: {} }), /condition on users is empty/],
  ['a condition that is a text', () => users.find(untyped('id = 1')), /must be an object/],
  ['a condition that is a list', () => users.find(untyped([])), /must be an object/],
  ['an update without a condition', () => users.updateWhere({}, { a: 1 }), /condition on users is empty/],
  ['a delete without a condition', () => users.deleteWhere({}), /condition on users is empty/],
  ['a delete with an undefined condition', () => users.deleteWhere({ id: undefined }), /"id" is undefined/],
  ['a delete with no argument', () => users.deleteWhere(untyped(undefined)), /must be an object/],
  ['an update of nothing', () => users.update(1, {}), /at least one column/],
  ['an update of undefined', () => users.update(1, { a: undefined }), /at least one column/],
  ['an invalid date in a condition', () => users.find({ at: new Date('x') }), /"at" is an invalid Date/],
  ['an invalid date in a row', () => users.insert({ at: new Date('x') }), /"at" is an invalid Date/],
  ['U+0000 in a condition', () => users.find({ name: 'a\0b' }), /"name" contains U\+0000/],
  ['U+0000 in a row', () => users.insert({ name: 'a\0b' }), /"name" contains U\+0000/],
  ['half a character in a condition', () => users.find({ name: '\ud83d' }), /"name" contains a lone surrogate/],
  [
    'half a character deep in a row',
    () => users.insert({ o: { l: ['\ude00'] } }),
    /"o\.l\[0\]" contains a lone surrogate/,
  ],
  ['half a character as a JSON key', () => users.insert({ o: { '\ude00': 1 } }), /lone surrogate/],
  ['NaN in a row', () => users.insert({ n: Number.NaN }), /"n" is NaN, which JSON cannot hold/],
  ['Infinity deep in a row', () => users.insert({ o: { n: Number.POSITIVE_INFINITY } }), /"o\.n" is Infinity/],
  ['a bigint inside JSON', () => users.insert({ o: { n: 1n } }), /"o\.n" is a bigint, which JSON cannot hold/],
  ['a date inside JSON', () => users.insert({ o: { at: new Date() } }), /"o\.at" is an object \(Date\)/],
  ['undefined in a list of a row', () => users.insert({ l: [undefined] }), /"l\[0\]" is given a undefined/],
  ['a function in a row', () => users.insert({ f: () => 1 }), /"f" is given a function/],
  ['a symbol in a row', () => users.insert({ s: Symbol('s') }), /"s" is given a symbol/],
  ['a class in a row', () => users.insert({ m: new Set() }), /"m" is given an object \(Set\)/],
  ['a row that is a list', () => users.insert(untyped([1])), /A row of users is a list/],
  ['a row that is none', () => users.insertMany([untyped(null)]), /A row of users is null/],
  ['a page of no rows', () => users.page({}, { size: 0 }), /`size` is the number of rows/],
  ['no columns', () => users.find({}, { select: [] }), /at least one column/],
  ['an order that is a text', () => users.find({}, { order: untyped('name') }), /`order` is a list/],
  ['two columns in one item', () => users.find({}, { order: [{ a: 'asc', b: 'asc' }] }), /one column each/],
  ['a direction that is none', () => users.find({}, { order: [{ a: untyped('up') }] }), /direction of "a"/],
  ['an upsert by no columns', () => users.upsert({ id: 1 }, { on: [] }), /what is the same row/],
  ['half a character in an argument', () => call('f', { a: '\ud800' }), /lone surrogate/],
]

for (const [name, build, message] of faults) {
  test(`${name} is refused`, () => assert.throws(build, { code: 'InvalidOperation', message }))
}

test('what a client sends for a cursor and is none is a value that is not allowed', () => {
  for (const after of ['eyJ', '***', btoa('{}')])
    assert.throws(() => users.page({}, { size: 1, after }), { code: 'InvalidValue', message: /not a cursor/ })
})

test('what is no name of a table is refused', () => {
  for (const name of ['', '.', 'a.', '.b', 'a.b.c']) assert.throws(() => table(name), { code: 'InvalidOption' })
  assert.throws(() => table(untyped({})), { code: 'InvalidOption' })
})

test('a table without a key refuses what needs one', () => {
  const log = table('log', { key: [] })
  for (const build of [() => log.get(1), () => log.page({}, { size: 1 }), () => log.upsert({ a: 1 })])
    assert.throws(build, { code: 'InvalidOperation', message: /log has no primary key/ })
})

test('the message of a refused value does not show the value', () => {
  assert.throws(
    () => users.insert({ password: new Map([['secret', 'hunter2']]) }),
    (error: Error) => !error.message.includes('hunter2') && !error.message.includes('secret'),
  )
})

test('an operation is plain data: it survives JSON', () => {
  for (const operation of [
    users.find({ at: new Date(0), bytes: Uint8Array.from([1]), big: 1n }),
    users.insert({ at: new Date(0), bytes: Uint8Array.from([1]), big: 1n, list: [1n, new Date(0)] }),
  ])
    assert.deepEqual(JSON.parse(JSON.stringify(operation)), operation)
})

test('a cursor comes back as it was made, and not in another order', () => {
  const values = ['é"😀', null, 'x'.repeat(100_000)]
  const order = [{ column: 'a' }, { column: 'b', direction: 'desc' as const }, { column: 'c' }]
  assert.deepEqual(decodeCursor(order, encodeCursor(order, values)), values)
  assert.match(encodeCursor(order, values), /^[\w-]+$/)
  const other = [{ column: 'a' }, { column: 'b' }, { column: 'c' }]
  assert.throws(() => decodeCursor(other, encodeCursor(order, values)), { code: 'InvalidValue' })
})

test('behind the last null of an order that ends with nulls there is nothing', () => {
  assert.deepEqual(rowsAfter([{ column: 'a', notNull: false }], [null]), { kind: 'in', column: 'a', values: [] })
})
