import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call } from '../src/operation/call.ts'
import type { Operation } from '../src/operation/operation.ts'
import { parseOperation } from '../src/operation/parse-operation.ts'
import { table } from '../src/operation/table.ts'

const posts = table('posts')

const operations: readonly Operation[] = [
  posts.get(1),
  posts.first({ a: null }, { order: ['a'] }),
  posts.find({ or: [{ a: 1 }, { not: { b: { in: [] } } }], c: { neq: null } }, { limit: 0, offset: 3, select: ['a'] }),
  posts.page({}, { size: 5, order: [{ a: 'desc nulls last' }] }),
  posts.exists(),
  posts.count({ a: { ilike: 'x' } }),
  posts.insert({ a: { deep: [1, { x: null }] } }),
  posts.insertMany([]),
  posts.upsert({ id: 1 }, { overwrite: ['a'] }),
  posts.getOrCreate({ id: 1 }),
  posts.update(1, { a: 'x' }),
  posts.updateAll({ a: [1] }),
  posts.delete(1),
  posts.deleteAll(),
  call('f', { a: [1] }, 'value'),
  call('s.f', {}, 'none'),
]

test('what table() and call() build passes, also after a journey as JSON', () => {
  for (const operation of operations) assert.deepEqual(parseOperation(JSON.parse(JSON.stringify(operation))), operation)
})

const target = { name: 't' }
const select = { kind: 'select', target, columns: 'all', result: 'rows' }
const compare = { kind: 'compare', column: 'a', operator: 'eq', value: '1' }

function embeds(depth: number): unknown {
  const join = { kind: 'columns', on: [['id', 'a']] }
  return { embed: target, as: 'e', join, rows: 'many', columns: depth === 1 ? 'all' : [embeds(depth - 1)] }
}

function nested(depth: number, leaf: unknown): unknown {
  return depth === 0 ? leaf : { kind: 'not', of: nested(depth - 1, leaf) }
}

function nestedList(depth: number): unknown {
  return depth === 0 ? 1 : [nestedList(depth - 1)]
}

const wrong: readonly (readonly [input: unknown, path: RegExp])[] = [
  [undefined, /^operation must be/],
  [null, /^operation must be an object/],
  ['select', /^operation must be an object/],
  [[], /^operation must be an object/],
  [{}, /^operation\.kind must be one of select, /],
  [{ ...select, kind: 'drop' }, /^operation\.kind/],
  [{ ...select, kind: '__proto__' }, /^operation\.kind/],
  [{ ...select, extra: 1 }, /^operation must be without "extra"/],
  [JSON.parse('{"kind":"count","target":{"name":"t"},"result":"count","__proto__":{}}'), /without "__proto__"/],
  [{ ...select, target: 't' }, /^operation\.target must be an object/],
  [{ ...select, target: {} }, /^operation\.target\.name must be given/],
  [{ ...select, target: { name: 7 } }, /^operation\.target\.name must be a name/],
  [{ ...select, target: { name: '' } }, /^operation\.target\.name must be a name/],
  [{ ...select, target: { schema: null, name: 't' } }, /^operation\.target\.schema/],
  [{ ...select, columns: '*' }, /^operation\.columns must be a list/],
  [{ ...select, columns: [{ column: 'a', read: 'raw' }] }, /^operation\.columns\[0\]\.read/],
  [{ ...select, columns: [{ column: 'a', array: false }] }, /^operation\.columns\[0\]\.array/],
  [{ ...select, limit: -1 }, /^operation\.limit must be a whole number/],
  [{ ...select, limit: 1.5 }, /^operation\.limit/],
  [{ ...select, limit: '10' }, /^operation\.limit/],
  [{ ...select, offset: 2 ** 53 }, /^operation\.offset/],
  [{ ...select, order: [{ column: 'a', direction: 'up' }] }, /^operation\.order\[0\]\.direction/],
  [{ ...select, order: [{ column: 'a', nulls: 'never' }] }, /^operation\.order\[0\]\.nulls/],
  [
    { ...select, order: Array.from({ length: 101 }, () => ({ column: 'a' })) },
    /^operation\.order must be a list of 0 to 100/,
  ],
  [{ ...select, result: 'everything' }, /^operation\.result/],
  [{ ...select, result: 'count' }, /^operation\.result/],
  [{ ...select, result: { size: 0, cursorColumns: 0 }, limit: 1 }, /^operation\.result\.size/],
  [{ ...select, result: { size: 5, cursorColumns: 1 }, limit: 6 }, /^operation\.result\.cursorColumns/],
  [{ ...select, result: { size: 5, cursorColumns: 0 } }, /^operation\.limit/],
  [{ ...select, where: null }, /^operation\.where must be an object/],
  [{ ...select, where: 'every row' }, /^operation\.where must be an object/],
  [{ ...select, where: { kind: 'and', of: [] } }, /^operation\.where\.of must be a list of 1 to/],
  [
    { ...select, where: { kind: 'or', of: [compare, { ...compare, column: null }] } },
    /^operation\.where\.of\[1\]\.column/,
  ],
  [{ ...select, where: { ...compare, operator: 'toString' } }, /^operation\.where\.operator/],
  [{ ...select, where: { ...compare, value: 1 } }, /^operation\.where\.value must be a text/],
  [{ ...select, where: { ...compare, value: ['1'] } }, /^operation\.where\.value must be a text/],
  [{ ...select, where: { kind: 'in', column: 'a', values: [null] } }, /^operation\.where\.values\[0\]/],
  [{ ...select, where: { kind: 'is', column: 'a', value: null } }, /^operation\.where\.value/],
  [{ ...select, where: { kind: 'not', of: [compare] } }, /^operation\.where\.of must be an object/],
  [{ kind: 'delete', target, result: 'count' }, /^operation\.where must be given/],
  [{ kind: 'delete', target, where: 'all', result: 'count' }, /^operation\.where/],
  [{ kind: 'delete', target, where: 'every row', result: 'rows' }, /^operation\.returning must be given/],
  [{ kind: 'update', target, where: 'every row', set: [], result: 'count' }, /^operation\.set must be an object/],
  [{ kind: 'insert', target, rows: [[]], result: 'none' }, /^operation\.rows\[0\] must be an object/],
  [{ kind: 'insert', target, rows: {}, result: 'none' }, /^operation\.rows must be a list/],
  [{ kind: 'upsert', target, rows: [], conflict: [1], action: 'get', result: 'none' }, /^operation\.conflict\[0\]/],
  [{ kind: 'upsert', target, rows: [], conflict: [], action: 'merge', result: 'none' }, /^operation\.action/],
  [{ kind: 'call', target, args: [], result: 'rows' }, /^operation\.args/],
  [{ kind: 'insert', target, rows: [{ a: 'x\0' }], result: 'none' }, /^operation\.rows\[0\]\.a must be text without/],
  [
    { kind: 'insert', target, rows: [{ a: '\ud800' }], result: 'none' },
    /^operation\.rows\[0\]\.a must be text without/,
  ],
  [{ kind: 'insert', target, rows: [{ '\udfff': 1 }], result: 'none' }, /must be text without/],
  [
    { kind: 'insert', target, rows: [JSON.parse('{"a":1e400}')], result: 'none' },
    /^operation\.rows\[0\]\.a must be a number/,
  ],
  [{ kind: 'insert', target, rows: [{ a: nestedList(62) }], result: 'none' }, /nested at most 64 deep/],
  [{ ...select, columns: [embeds(11)] }, /^operation must be made of embeds at most 10 deep/],
  [{ kind: 'delete', target, where: compare, returning: [embeds(11)], result: 'rows' }, /embeds at most 10 deep/],
  [{ ...select, where: nested(63, compare) }, /nested at most 64 deep/],
  [{ ...select, where: { kind: 'and', of: Array.from({ length: 1000 }, () => compare) } }, /at most 1000 parts/],
]

test('everything else is refused with the path of the fault', () => {
  for (const [input, message] of wrong)
    assert.throws(
      () => parseOperation(input),
      { code: 'InvalidOperation', message },
      JSON.stringify(input)?.slice(0, 200),
    )
})

test('what is just within the limits passes', () => {
  parseOperation({ ...select, columns: [embeds(10)] })
  parseOperation({ ...select, where: nested(61, compare) })
  parseOperation({ ...select, where: { kind: 'and', of: Array.from({ length: 995 }, () => compare) } })
  parseOperation({ kind: 'insert', target, rows: Array.from({ length: 10_000 }, () => ({ a: [1] })), result: 'none' })
  parseOperation({ ...select, where: { kind: 'in', column: 'a', values: Array.from({ length: 1000 }, String) } })
})

test('limits can be set', () => {
  const rows = { kind: 'insert', target, rows: [{}, {}], result: 'none' }
  assert.throws(() => parseOperation(rows, { maxRows: 1 }), { code: 'InvalidOperation' })
  assert.throws(() => parseOperation(select, { maxNodes: 1 }), { code: 'InvalidOperation' })
  assert.throws(() => parseOperation(select, { maxDepth: 1 }), { code: 'InvalidOperation' })
  assert.throws(() => parseOperation({ ...select, columns: [embeds(2)] }, { maxEmbedDepth: 1 }), /at most 1 deep/)
})

test('a very deep value is refused without exhausting the stack', () => {
  const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
  assert.throws(() => parseOperation({ ...select, where: deep }), { code: 'InvalidOperation' })
})
