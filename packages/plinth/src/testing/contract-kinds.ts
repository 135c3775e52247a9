import assert from 'node:assert/strict'
import type { Output, Reading, Select } from '../operation/operation.ts'
import { table } from '../operation/table.ts'
import type { ContractCase } from './contract-schema.ts'

const kinds = table('contract_kind')
const bytes = Uint8Array.from([0, 1, 127, 128, 255])

/** Column, what is written, and what is read where that is another value. */
const values: readonly (readonly [column: string, written: unknown, read?: unknown])[] = [
  ['flag', true],
  ['flag', false],
  ['small', -32768],
  ['whole', 2147483647],
  ['big', '9223372036854775807'],
  ['big', -9223372036854775808n, '-9223372036854775808'],
  ['big', 42, '42'],
  ['price', '12345678901234567890.0987654321'],
  ['price', 0.5, '0.5'],
  ['price', 'NaN'],
  ['half', 1.5],
  ['double', 0.1],
  ['double', 5e-324],
  ['double', 'Infinity', Number.POSITIVE_INFINITY],
  ['double', 'NaN', Number.NaN],
  ['word', ''],
  ['word', `'; drop table contract_kind; -- " \\ {} , NULL \n\t\u0001 é 😀 \u{10FFFF}`],
  ['word', 'NULL'],
  ['word', 'x'.repeat(100_000)],
  ['code', 'abc'],
  ['fixed', 'ab', 'ab  '],
  ['mood', 'quite, "happy"'],
  ['positive', 7],
  ['uid', '3f2a1b4c-0d9e-4f8a-9b7c-1234567890ab'],
  ['document', { a: [1, null, { b: 'é"\\' }] }],
  ['document', 'text'],
  ['document', [1, 2]],
  ['binary_document', { a: [1, null, { b: 'é"\\' }], c: true }],
  ['binary_document', [[], {}]],
  ['binary_document', false],
  ['bytes', bytes],
  ['bytes', new Uint8Array()],
  ['day', '2026-02-28'],
  ['day', new Date('2026-02-28T23:59:59.999Z'), '2026-02-28'],
  ['day', '0044-03-15 BC'],
  ['clock', '23:59:59.123456'],
  ['span', '1 year 2 mons 3 days 04:05:06.789'],
  ['at', new Date('2026-11-20T13:45:00.123Z')],
  ['at', '2026-11-20T13:45:00.123+05:30', new Date('2026-11-20T08:15:00.123Z')],
  ['at', new Date('-000043-03-15T12:00:00.000Z')],
  ['at', new Date('+012026-01-01T00:00:00.000Z')],
  ['at', new Date('0001-01-01T00:00:00.000Z')],
  ['at', 'infinity'],
  ['local', new Date('2026-03-29T02:30:00.001Z')],
  ['address', '2001:db8::1/64'],
  ['range', '[1,5)'],
  ['numbers', [1, null, -2]],
  ['numbers', []],
  ['bigs', [1n, '9223372036854775807'], ['1', '9223372036854775807']],
  ['words', ['', 'NULL', 'a,b', '"', '\\', '{}', ' x ', null, '😀']],
  [
    'grid',
    [
      [1, 2],
      [3, 4],
    ],
  ],
  ['flags', [true, null, false]],
  ['documents', [{ a: 'x,"y"' }, null, [1], 'text']],
  ['byte_list', [bytes, new Uint8Array()]],
  ['instants', [new Date(0), null]],
  ['prices', ['1.50', 2], ['1.50', '2']],
  ['days', ['2026-02-28', '0044-03-15 BC']],
]

/** The same column read in another way than its type's own. */
const readings: readonly (readonly [column: string, written: unknown, read: Reading, expected: unknown])[] = [
  ['big', '9223372036854775807', 'bigint', 9223372036854775807n],
  ['big', 42, 'number', 42],
  ['price', '0.25', 'number', 0.25],
  ['at', new Date(0), 'string', '1970-01-01 00:00:00+00'],
  ['day', '2026-02-28', 'date', new Date('2026-02-28T00:00:00Z')],
  ['bigs', [1n, null], 'bigint', [1n, null]],
  ['days', ['2026-02-28'], 'date', [new Date('2026-02-28T00:00:00Z')]],
]

/** The row with the same row nested in it, once alone and once in a list. */
function nested(...columns: readonly Output[]): Select {
  const target = { name: 'contract_kind' }
  const join = { kind: 'columns', on: [['id', 'id']] } as const
  const embeds = (['one', 'many'] as const).map((rows) => ({ embed: target, as: rows, join, rows, columns }))
  return { kind: 'select', target, columns: embeds, result: 'row' }
}

const nestedValue = (value: unknown): unknown => ({ one: { value }, many: [{ value }] })

export const kindCases: readonly ContractCase[] = [
  ...values.map(
    ([column, written, read = written], i): ContractCase => ({
      title: `a value of ${column} comes back as it went in (${i + 1}: ${shown(written)})`,
      check: async (runner) => {
        const row = await runner.run(kinds.insert({ id: 1, [column]: written }))
        assert.deepEqual(row[column], read)
        assert.deepEqual((await runner.run(kinds.get(1)))[column], read)
        assert.deepEqual(await runner.run(nested({ column, as: 'value' })), nestedValue(read))
        await runner.run(kinds.update(1, { [column]: null }))
        assert.equal((await runner.run(kinds.update(1, { id: 2 })))[column], null)
        assert.deepEqual((await runner.run(kinds.update(2, { [column]: written })))[column], read)
      },
    }),
  ),
  ...readings.map(
    ([column, written, read, expected]): ContractCase => ({
      title: `${column} read as ${read} is that (${shown(written)})`,
      check: async (runner) => {
        await runner.run(kinds.insert({ id: 1, [column]: written }))
        const columns = [{ column, as: 'value', read }]
        const operation = { kind: 'select', target: { name: 'contract_kind' }, columns, result: 'row' } as const
        assert.deepEqual(await runner.run(operation), { value: expected })
        assert.deepEqual(await runner.run(nested(...columns)), nestedValue(expected))
      },
    }),
  ),
  {
    title: 'an array of an enum is read as a list where the table says that it is one',
    check: async (runner) => {
      const moods = ['sad', null, 'quite, "happy"']
      await runner.run(kinds.insert({ id: 1, moods }))
      const columns = [{ column: 'moods', array: true }] as const
      const operation = { kind: 'select', target: { name: 'contract_kind' }, columns, result: 'row' } as const
      assert.deepEqual(await runner.run(operation), { moods })
    },
  },
  {
    title: 'names are names: quotes, dots, keywords, __proto__ and emoji',
    check: async (runner) => {
      const odd = table({ name: 'contract "odd" {}' }, { key: ['__proto__'] })
      const row = Object.fromEntries<unknown>([
        ['__proto__', 'p'],
        ['select', 1],
        ['a.b', 'dot'],
        ['naïve 😀', 'é'],
      ])
      assert.deepEqual(Object.entries(await runner.run(odd.insert(row))), Object.entries(row))
      assert.deepEqual(Object.entries(await runner.run(odd.get('p'))), Object.entries(row))
      assert.equal(await runner.run(odd.count({ 'a.b': 'dot', select: { gt: 0 } })), 1)
      assert.equal(await runner.run(odd.deleteWhere({ 'naïve 😀': 'é' })), 1)
    },
  },
]

function shown(value: unknown): string {
  return String(value instanceof Date ? value.toISOString() : (JSON.stringify(value, bigintText) ?? value)).slice(0, 40)
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
