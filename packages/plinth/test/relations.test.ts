import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { defineRelations } from 'drizzle-orm'
import { bigint, integer, pgSchema, text, timestamp } from 'drizzle-orm/pg-core'
import fc from 'fast-check'
import { parseOperation } from '../src/operation/parse-operation.ts'
import { table } from '../src/operation/table.ts'
import { testDatabase } from './support/database.ts'
import { librarySchema } from './support/library.ts'
import { pgRunner } from './support/pg-runner.ts'

const { url } = await testDatabase({ script: librarySchema })
const runner = pgRunner(url)
after(() => runner.close())

const library = pgSchema('library')
const town = library.table('town', { id: integer().primaryKey(), called: text('name').notNull() })
const writer = library.table('writer', {
  id: integer().primaryKey(),
  name: text().notNull(),
  town: integer().notNull(),
  born: timestamp({ withTimezone: true }),
})
const book = library.table('book', {
  id: integer().primaryKey(),
  writtenBy: integer('writer'),
  title: text().notNull(),
  pages: bigint({ mode: 'bigint' }),
})
const reader = library.table('reader', { id: integer().primaryKey(), name: text().notNull() })
const loan = library.table('loan', { reader: integer().notNull(), book: integer().notNull() })

const relations = defineRelations({ town, writer, book, reader, loan }, (r) => ({
  writer: { home: r.one.town({ from: r.writer.town, to: r.town.id }), books: r.many.book() },
  book: {
    writer: r.one.writer({ from: r.book.writtenBy, to: r.writer.id }),
    readers: r.many.reader({ from: r.book.id.through(r.loan.book), to: r.reader.id.through(r.loan.reader) }),
    old: r.many.loan({ from: r.book.id, to: r.loan.book, where: { reader: 1 } }),
  },
}))

const books = table(relations, 'book')
const writers = table(relations, 'writer')

test('related rows are read by the relations of Drizzle, under its names and as its types', async () => {
  const found = await runner.run(
    books.find(
      { id: { in: [1, 4] } },
      {
        select: { title: true, pages: true, writer: { born: true, home: { called: true } }, readers: true },
        order: ['id'],
      },
    ),
  )
  const [engines, anonymous] = found
  assert.deepEqual(
    engines?.readers.toSorted((a, b) => a.id - b.id),
    [
      { id: 1, name: 'Rita' },
      { id: 2, name: 'Sam' },
    ],
  )
  assert.deepEqual([engines?.title, engines?.pages], ['Engines', 9007199254740993n])
  assert.deepEqual(engines?.writer, { born: new Date('1815-12-10T00:00:00Z'), home: { called: 'Paris' } })
  assert.deepEqual(anonymous, { title: 'Anonymous', pages: 5n, writer: null, readers: [] })
})

test('a relation takes its own condition, order, limit and offset', async () => {
  const found = await runner.run(
    writers.first(
      { id: 1 },
      {
        select: {
          books: [{ title: true }, { where: { pages: { gt: 1n } }, order: [{ id: 'desc' }], limit: 1, offset: 1 }],
        },
      },
    ),
  )
  assert.deepEqual(found, { books: [{ title: 'Engines' }] })
  const none = await runner.run(
    writers.find({ id: 1 }, { select: { id: true, home: [true, { where: { called: 'Oslo' } }] } }),
  )
  assert.deepEqual(none, [{ id: 1, home: null }])
})

test('a row by its key and a page are read with what they belong to', async () => {
  const select = { title: true, writer: { name: true } } as const
  const engines = { title: 'Engines', writer: { name: 'Ada' } }
  assert.deepEqual(await runner.run(books.get(1, { select })), engines)
  assert.deepEqual(await runner.run(books.get(1, { select: ['title'] })), { title: 'Engines' })
  const seen = []
  let after: string | undefined
  do {
    const page = await runner.run(books.page({}, { select, order: [{ pages: 'desc' }], size: 2, after }))
    seen.push(...page.rows)
    after = page.next
  } while (after !== undefined)
  const inOrder = await runner.run(books.find({}, { select, order: [{ pages: 'desc' }, 'id'] }))
  assert.equal(inOrder.length, 4)
  assert.deepEqual(seen, inOrder)
})

/** Titles of the books that a condition holds for. */
async function titles(where: Parameters<typeof books.find>[0]): Promise<readonly string[]> {
  return (await runner.run(books.find(where, { select: ['title'], order: ['id'] }))).map(({ title }) => title)
}

test('a condition asks about related rows: one like that, any, or none', async () => {
  assert.deepEqual(await titles({ writer: { name: 'Ada' } }), ['Engines', 'Notes'])
  assert.deepEqual(await titles({ readers: { name: 'Sam' } }), ['Engines'])
  assert.deepEqual(await titles({ readers: {} }), ['Engines', 'Fjords'])
  assert.deepEqual(await titles({ writer: null }), ['Anonymous'])
  assert.deepEqual(await titles({ not: { readers: { name: 'Sam' } } }), ['Notes', 'Fjords', 'Anonymous'])
  assert.deepEqual(await titles({ or: [{ writer: null }, { writer: { name: 'Bo' } }] }), ['Fjords', 'Anonymous'])
  assert.deepEqual(await titles({ and: [{ readers: { name: 'Rita' } }, { readers: { name: 'Sam' } }] }), ['Engines'])
  assert.deepEqual(await titles({ writer: { home: { called: 'Paris' }, books: { title: 'Fjords' } } }), ['Fjords'])
})

/** A row, and those it is related to by name, as the fixture has them. */
interface Node {
  readonly word: string
  readonly related: Readonly<Record<string, readonly Node[]>>
}

const node = (word: string, related: () => Node['related']): Node => ({
  word,
  get related() {
    return related()
  },
})
const paris = node('Paris', () => ({}))
const [rita, sam] = [node('Rita', () => ({})), node('Sam', () => ({}))]
const ada: Node = node('Ada', () => ({ home: [paris], books: [engines, notes] }))
const bo: Node = node('Bo', () => ({ home: [paris], books: [fjords] }))
const engines: Node = node('Engines', () => ({ writer: [ada], readers: [rita, sam] }))
const notes: Node = node('Notes', () => ({ writer: [ada], readers: [] }))
const fjords: Node = node('Fjords', () => ({ writer: [bo], readers: [rita] }))
const anonymous: Node = node('Anonymous', () => ({ writer: [], readers: [] }))

type Tree = Readonly<Record<string, unknown>>

/** What a condition means, said once more and in another way than SQL. */
function holds(where: Tree, { word, related }: Node): boolean {
  return Object.entries(where).every(([key, value]) => {
    const parts = (Array.isArray(value) ? value : [value]) as readonly Tree[]
    if (key === 'and') return parts.every((part) => holds(part, { word, related }))
    if (key === 'or') return parts.some((part) => holds(part, { word, related }))
    if (key === 'not') return !holds(value as Tree, { word, related })
    const rows = related[key]
    if (rows === undefined) return word === value
    return value === null ? rows.length === 0 : rows.some((row) => holds(value as Tree, row))
  })
}

const { ofBook } = fc.letrec<{ ofBook: Tree; ofWriter: Tree; book: Tree; writer: Tree }>((tie) => {
  const joined = (of: fc.Arbitrary<Tree>): fc.Arbitrary<Tree> =>
    fc.oneof(
      fc.record({ not: of }),
      fc.record({ and: fc.array(of, { minLength: 1, maxLength: 2 }) }),
      fc.record({ or: fc.array(of, { minLength: 1, maxLength: 3 }) }),
    )
  const word = (key: string, ...words: string[]): fc.Arbitrary<Tree> =>
    fc.constantFrom(...words).map((one) => ({ [key]: one }))
  const any = fc.constantFrom<Tree | null>({}, null)
  const optional = { requiredKeys: [] }
  return {
    ofBook: fc.oneof({ depthSize: 'small' }, tie('book'), joined(tie('ofBook'))),
    ofWriter: fc.oneof({ depthSize: 'small' }, tie('writer'), joined(tie('ofWriter'))),
    book: fc.oneof(
      { depthSize: 'small' },
      word('title', 'Engines', 'Fjords'),
      fc.record({ readers: fc.oneof(any, word('name', 'Rita', 'Sam')) }),
      fc.record({ writer: fc.oneof(any, tie('ofWriter')), readers: any }, optional).filter(isAsking),
    ),
    writer: fc.oneof(
      { depthSize: 'small' },
      word('name', 'Ada', 'Bo'),
      fc.record({ home: fc.oneof(any, word('called', 'Paris', 'Oslo')) }),
      fc.record({ books: fc.oneof(any, tie('ofBook')), home: any }, optional).filter(isAsking),
    ),
  }
})

function isAsking(where: Tree): boolean {
  return Object.keys(where).length > 0
}

test('whatever a condition is made of, it holds for the rows it says', async () => {
  const all = [engines, notes, fjords, anonymous]
  await fc.assert(
    fc.asyncProperty(ofBook, async (where) => {
      const expected = all.filter((one) => holds(where, one)).map(({ word }) => word)
      assert.deepEqual(await titles(where), expected)
      assert.equal(await runner.run(books.count(where)), expected.length)
    }),
    { numRuns: 60 },
  )
})

test('each reading takes such a condition, also that of related rows', async () => {
  const byAda = { writer: { name: 'Ada' } }
  assert.equal(await runner.run(books.count(byAda)), 2)
  assert.deepEqual(
    [await runner.run(books.exists(byAda)), await runner.run(books.exists({ writer: { name: 'Eve' } }))],
    [true, false],
  )
  const { rows, next } = await runner.run(
    books.page(byAda, { size: 1, select: { title: true, writer: { name: true } } }),
  )
  assert.deepEqual([rows, typeof next], [[{ title: 'Engines', writer: { name: 'Ada' } }], 'string'])
  const inParis = { books: { writer: { home: { called: 'Paris' } } } }
  const select = {
    name: true,
    books: [{ title: true }, { where: { readers: { name: 'Rita' } }, order: ['id'] }],
  } as const
  assert.deepEqual(await runner.run(writers.find(inParis, { select, order: ['id'] })), [
    { name: 'Ada', books: [{ title: 'Engines' }] },
    { name: 'Bo', books: [{ title: 'Fjords' }] },
  ])
  const fromParis = { where: { writer: { home: { called: 'Paris' } } }, order: ['id'], limit: 1 } as const
  const nested = { name: true, books: [{ title: true }, fromParis] } as const
  const ada = { name: 'Ada', books: [{ title: 'Engines' }] }
  assert.deepEqual(await runner.run(writers.first({ id: 1 }, { select: nested })), ada)
})

test('the condition of a write is about its own columns', () => {
  const untyped: { deleteWhere(where: object): unknown; updateWhere(where: object, row: object): unknown } = books
  assert.throws(() => untyped.deleteWhere({ readers: null }), /book has no column "readers"/)
  assert.throws(() => untyped.updateWhere({ not: { readers: {} } }, { title: '' }), /book has no column "readers"/)
})

test('what is built passes for an operation from outside', () => {
  const built = books.find({}, { select: { title: true, writer: { home: true }, readers: [true, { limit: 2 }] } })
  assert.deepEqual(parseOperation(JSON.parse(JSON.stringify(built))), built)
  const counted = books.count({ writer: { home: {} } })
  assert.deepEqual(parseOperation(JSON.parse(JSON.stringify(counted))), counted)
})

test('what is neither a column nor a relation is refused, and so is a relation with a condition of its own', () => {
  const untyped: { find(where: object, options: object): unknown } = books
  const find = (select: object): unknown => untyped.find({}, { select })
  assert.throws(() => find({ nope: true }), /book has no column "nope"/)
  assert.throws(() => find({ title: { x: true } }), /"title" is a column of book/)
  assert.throws(() => find({ writer: {} }), /`select` is a list of columns, or an object/)
  assert.throws(() => find({ writer: [true, { limit: 1 }] }), /"limit" is no option of "writer"/)
  assert.throws(() => find({ readers: [true, { offsets: 1 }] }), /"offsets" is no option of "readers"/)
  assert.throws(() => find({ readers: [true, { order: 'name' }] }), /`order` is a list/)
  assert.throws(() => find({ readers: [true, { limit: '1' }] }), /limit of "readers" must be a number of rows/)
  assert.throws(() => find({ readers: [true, { offset: null }] }), /offset of "readers" must be a number of rows/)
  assert.throws(() => find({ old: true }), { code: 'InvalidOption', message: /book\.old has a condition of its own/ })
  assert.throws(() => Reflect.apply(table, undefined, [relations, 'nope']), { code: 'InvalidOption' })
})
