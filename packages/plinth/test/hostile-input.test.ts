import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { call } from '../src/operation/call.ts'
import type { Operation } from '../src/operation/operation.ts'
import { parseOperation } from '../src/operation/parse-operation.ts'
import { table } from '../src/operation/table.ts'
import { compileBody } from '../src/sql/body.ts'
import { compile } from '../src/sql/compile.ts'
import { quoteName } from '../src/sql/sql.ts'
import { testDatabase } from './support/database.ts'
import { answer, pgRunner } from './support/pg-runner.ts'

const { url } = await testDatabase()
const runner = pgRunner(url)
after(() => runner.close())

const fragments = [
  '"',
  "'",
  '\\',
  '$1',
  '$$',
  ';',
  '--',
  '/*',
  '*/',
  '{',
  '}',
  ',',
  '(',
  ')',
  '.',
  ':',
  '::',
  '%',
  '_',
  ' ',
  '\n',
  'NULL',
]
const words = [
  'select',
  'drop table',
  '__proto__',
  'constructor',
  'toString',
  'r',
  'found',
  'made',
  'oid',
  'é',
  '😀',
  '\u202e',
  'İ',
  '`',
  '${x}',
]
const soup = fc
  .array(fc.oneof(fc.constantFrom(...fragments, ...words), fc.string({ unit: 'binary' })), { maxLength: 8 })
  .map((parts) => parts.join(''))

/** Any text PostgreSQL can hold. */
const hostileText = fc
  .oneof(soup, fc.constantFrom(...words, 'NULL', '', '{}', '{NULL}', '"', 'x'.repeat(70_000)))
  .map((text) => text.replaceAll('\0', '').toWellFormed())

/** Any name PostgreSQL can hold: 1 to 63 bytes. System columns have their names for themselves. */
const system = new Set(['oid', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])
const hostileName = fc
  .oneof(hostileText, fc.constantFrom('x'.repeat(63), '"'.repeat(63), 'é'.repeat(31), '__proto__', 'path', 'text'))
  .map((text) => cut(text.slice(0, 63)))
  .filter((text) => text !== '' && !system.has(text))

function cut(text: string): string {
  const bytes = new TextEncoder().encode(text).slice(0, 63)
  return new TextDecoder()
    .decode(bytes)
    .replace(/\ufffd+$/, '')
    .toWellFormed()
}

test('hostile names and values come out as they went in, through every kind of statement', async () => {
  const names = fc.uniqueArray(hostileName, { minLength: 3, maxLength: 3 })
  const values = fc.tuple(hostileText, hostileText, hostileText)
  await fc.assert(
    fc.asyncProperty(names, values, async ([name = '', key = '', other = ''], [first, second, third]) => {
      const quoted = `public.${quoteName(name)}`
      await runner.client.query(`create table ${quoted} (${quoteName(key)} text primary key, ${quoteName(other)} text)`)
      try {
        await roundTrip({ name, key, other }, [first, second, third])
      } finally {
        await runner.client.query(`drop table ${quoted}`)
      }
    }),
    { numRuns: 60 },
  )
})

async function roundTrip(
  names: { name: string; key: string; other: string },
  [first, second, third]: [string, string, string],
): Promise<void> {
  const { name, key, other } = names
  const rows = table({ schema: 'public', name }, { key: [key] })
  const row = (a: string, b: string | null) =>
    Object.fromEntries([
      [key, a],
      [other, b],
    ])
  const entries = Object.entries<unknown>
  assert.deepEqual(entries(await runner.run(rows.insert(row(first, second)))), entries(row(first, second)))
  assert.deepEqual(entries(await runner.run(rows.get(row(first, null)[key] ?? ''))), entries(row(first, second)))
  // `and`, `or` and `not` are words of a condition, so a column of that name is reached by its key alone.
  if (!['and', 'or', 'not'].includes(key) && !['and', 'or', 'not'].includes(other)) {
    assert.equal(
      await runner.run(
        rows.count(
          Object.fromEntries([
            [key, { in: [third, first] }],
            [other, second],
          ]),
        ),
      ),
      1,
    )
  }
  assert.deepEqual(
    entries(await runner.run(rows.update(first, Object.fromEntries([[other, third]])))),
    entries(row(first, third)),
  )
  assert.deepEqual(entries(await runner.run(rows.upsert(row(first, second)))), entries(row(first, second)))
  assert.deepEqual(entries(await runner.run(rows.getOrCreate(row(first, third)))), entries(row(first, second)))
  const page = await runner.run(rows.page({}, { size: 1, order: [other] }))
  assert.deepEqual(page.rows.map(entries), [entries(row(first, second))])
  assert.deepEqual(await bodyOf(rows.find()), [row(first, second)].map(entries))
  assert.deepEqual(entries(await runner.run(rows.delete(first))), entries(row(first, second)))
}

async function bodyOf(operation: Operation): Promise<unknown[]> {
  assert.ok(operation.kind === 'select')
  const { rows } = await answer(runner.client, compileBody(operation, { exactCount: true }))
  const parsed: unknown = JSON.parse(rows[0]?.[0] ?? '')
  assert.ok(Array.isArray(parsed))
  return parsed.map((row: object) => Object.entries(row))
}

const canary = 'c4n4ry'
const canaryText = fc.tuple(soup, soup).map(([a, b]) => `${a}${canary}${b}`.replaceAll('\0', '').toWellFormed())

test('no value ever stands in the text of a statement, and the text depends on the shape alone', () => {
  fc.assert(
    fc.property(canaryText, canaryText, (a, b) => {
      const rows = table('t')
      const builds = [
        (v: string) => rows.find({ x: v, y: { in: [v], like: v }, or: [{ x: { gt: v } }, { not: { y: v } }] }),
        (v: string) => rows.insert({ x: v, y: { [v]: [v] } }),
        (v: string) => rows.insertMany([{ x: v }, { y: [v] }]),
        (v: string) => rows.upsert({ id: v, x: v }),
        (v: string) => rows.getOrCreate({ id: v, x: v }),
        (v: string) => rows.update(v, { x: v }),
        (v: string) => rows.delete(v),
        (v: string) => call('f', { x: v, y: [v], z: { v } }),
      ]
      for (const build of builds) {
        const { text, values } = compile(build(a))
        assert.ok(!text.includes(canary), text)
        assert.ok(JSON.stringify(values).includes(canary))
        assert.equal(compile(build(b)).text, text)
      }
    }),
    { numRuns: 200 },
  )
})

test('a name stands in a text only in quotes, with its quotes doubled', () => {
  fc.assert(
    fc.property(hostileName, (name) => {
      const operation = table({ schema: name, name }).find(
        { or: [{ [name]: { neq: 'x' } }] },
        { select: [name], order: [name] },
      )
      if (['and', 'or', 'not'].includes(name)) return
      const quoted = `"${name.replaceAll('"', '""')}"`
      assert.equal(
        compile(operation).text,
        `select "r1".${quoted} from ${quoted}.${quoted} as "r1" where ("r1".${quoted} <> $1) order by "r1".${quoted}`,
      )
    }),
    { numRuns: 200 },
  )
})

/** Any JSON, with the words of operations strewn in, so that it often looks like one. */
const keys = fc.constantFrom(
  'kind',
  'target',
  'name',
  'where',
  'of',
  'column',
  'operator',
  'value',
  'rows',
  'result',
  'columns',
  '__proto__',
  'x',
)
const leaves = fc.oneof(
  fc.constantFrom(
    'select',
    'count',
    'delete',
    'update',
    'insert',
    'call',
    'and',
    'compare',
    'eq',
    'rows',
    'all',
    'every row',
    canary,
  ),
  fc.string(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
)
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    leaves,
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(keys, tie('json'), { maxKeys: 6 }),
  ),
}))

test('whatever JSON comes in is refused with InvalidOperation, or compiles without its values in the text', () => {
  const operations = fc.record(
    {
      kind: fc.constantFrom('select', 'count', 'delete', 'update', 'insert', 'call', 'upsert'),
      target: fc.oneof(json, fc.constant({ name: 't' })),
      where: fc.oneof(json, fc.constant({ kind: 'compare', column: 'a', operator: 'eq', value: canary })),
      columns: fc.oneof(json, fc.constant('all')),
      rows: json,
      set: json,
      args: json,
      result: fc.oneof(json, fc.constantFrom('rows', 'count', 'none')),
    },
    { requiredKeys: ['kind'] },
  )
  fc.assert(
    fc.property(fc.oneof(json, operations), (input) => {
      try {
        // A canary that came as a name is quoted.
        const bare = compile(parseOperation(input)).text.replaceAll(/"(?:[^"]|"")*"/g, '')
        assert.ok(!bare.includes(canary))
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && error.code === 'InvalidOperation', String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
