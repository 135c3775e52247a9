import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Outputs, Select } from '../src/operation/operation.ts'
import { compileBody } from '../src/sql/body.ts'
import { testDatabase } from './support/database.ts'
import { inLibrary, itsBooks, itsReaders, itsTown, itsWriter, librarySchema, named } from './support/library.ts'
import { answer, pgRunner } from './support/pg-runner.ts'

const { url } = await testDatabase({ script: librarySchema })
const runner = pgRunner(url)
after(() => runner.close())

type Asked = Omit<Partial<Select>, 'target' | 'columns'>

function select(relation: string, columns: Outputs, asked: Asked = {}): Select {
  return { kind: 'select', target: inLibrary(relation), columns, result: 'rows', ...asked }
}

async function read(relation: string, columns: Outputs, asked: Asked = {}): Promise<unknown> {
  const statement = compileBody(select(relation, columns, asked), { exactCount: true })
  const [row] = (await answer(runner.client, statement)).rows
  return JSON.parse(row?.[0] ?? '')
}

const byId = [{ column: 'id' }]

interface Case {
  readonly title: string
  readonly from: string
  readonly columns: Outputs
  readonly asked?: Asked
  readonly rows: unknown
}

const cases: readonly Case[] = [
  {
    title: 'one row is an object, and null where there is none',
    from: 'book',
    columns: [...named('title'), itsWriter(named('name'))],
    asked: { order: byId },
    rows: [
      { title: 'Engines', writer: { name: 'Ada' } },
      { title: 'Notes', writer: { name: 'Ada' } },
      { title: 'Fjords', writer: { name: 'Bo' } },
      { title: 'Anonymous', writer: null },
    ],
  },
  {
    title: 'many rows are a list, empty where there are none, with their own conditions, order, limit and offset',
    from: 'writer',
    columns: [
      ...named('name'),
      itsBooks(named('title'), { order: [{ column: 'year', direction: 'desc' }], limit: 1, offset: 1 }),
      itsBooks(named('year'), { as: 'old', where: { kind: 'compare', column: 'year', operator: 'lt', value: '1844' } }),
    ],
    asked: { order: byId },
    rows: [
      { name: 'Ada', book: [{ title: 'Engines' }], old: [{ year: 1843 }] },
      { name: 'Bo', book: [], old: [] },
      { name: 'Cy', book: [], old: [] },
    ],
  },
  {
    title: 'embeds nest to any depth, through other tables too',
    from: 'town',
    columns: [
      ...named('name'),
      {
        embed: inLibrary('writer'),
        as: 'writers',
        join: { kind: 'columns', on: [['id', 'town']] },
        rows: 'many',
        order: byId,
        columns: [
          ...named('name'),
          itsBooks([...named('title'), itsReaders(named('name'), { order: [{ column: 'name' }] })], { order: byId }),
        ],
      },
    ],
    asked: { order: byId },
    rows: [
      {
        name: 'Paris',
        writers: [
          {
            name: 'Ada',
            book: [
              { title: 'Engines', reader: [{ name: 'Rita' }, { name: 'Sam' }] },
              { title: 'Notes', reader: [] },
            ],
          },
          { name: 'Bo', book: [{ title: 'Fjords', reader: [{ name: 'Rita' }] }] },
        ],
      },
      { name: 'Oslo', writers: [] },
    ],
  },
  {
    title: 'an inner embed of one row leaves rows without it out, by its own condition and by those below it',
    from: 'book',
    columns: [
      ...named('title'),
      itsWriter([...named('name'), itsTown(named('name'), { isInner: true })], {
        isInner: true,
        where: { kind: 'compare', column: 'name', operator: 'eq', value: 'Bo' },
      }),
    ],
    rows: [{ title: 'Fjords', writer: { name: 'Bo', town: { name: 'Paris' } } }],
  },
  {
    title: 'an inner embed of many rows leaves rows without any out',
    from: 'writer',
    columns: [
      ...named('name'),
      itsBooks([...named('title'), itsReaders([], { isInner: true })], { isInner: true, order: byId }),
    ],
    asked: { order: byId },
    rows: [
      { name: 'Ada', book: [{ title: 'Engines' }] },
      { name: 'Bo', book: [{ title: 'Fjords' }] },
    ],
  },
  {
    title: 'conditions ask for embeds, in trees too, and an embed without columns adds nothing to a row',
    from: 'book',
    columns: [
      ...named('title'),
      itsWriter([], { where: { kind: 'compare', column: 'name', operator: 'eq', value: 'Ada' } }),
      itsReaders([]),
    ],
    asked: {
      order: byId,
      where: {
        kind: 'or',
        of: [
          { kind: 'not', of: { kind: 'embedded', embed: 'writer', value: 'null' } },
          { kind: 'embedded', embed: 'reader', value: 'not_null' },
        ],
      },
    },
    rows: [{ title: 'Engines' }, { title: 'Notes' }, { title: 'Fjords' }],
  },
  {
    title: 'an embed that is null finds the rows without one',
    from: 'writer',
    columns: [...named('name'), itsBooks([])],
    asked: { where: { kind: 'embedded', embed: 'book', value: 'null' } },
    rows: [{ name: 'Cy' }],
  },
  {
    title: 'rows are ordered by columns of their one row, read or not',
    from: 'book',
    columns: [...named('id'), itsWriter(named('name'))],
    asked: {
      order: [
        { embed: 'writer', column: 'name', direction: 'desc', nulls: 'last' },
        { embed: 'writer', column: 'born' },
        { column: 'id', direction: 'desc' },
      ],
    },
    rows: [
      { id: 3, writer: { name: 'Bo' } },
      { id: 2, writer: { name: 'Ada' } },
      { id: 1, writer: { name: 'Ada' } },
      { id: 4, writer: null },
    ],
  },
  {
    title: 'one row is spread among ours, with what is nested in it',
    from: 'book',
    columns: [
      ...named('title'),
      itsWriter([{ column: 'name', as: 'by' }, itsTown([{ column: 'name', as: 'town' }], { isSpread: true })], {
        isSpread: true,
      }),
    ],
    asked: { order: byId, limit: 2, offset: 2 },
    rows: [
      { title: 'Fjords', by: 'Bo', town: 'Paris' },
      { title: 'Anonymous', by: null, town: null },
    ],
  },
  {
    title: 'a star is spread too',
    from: 'book',
    columns: [...named('title'), itsWriter([itsTown('all', { isSpread: true })], { isSpread: true })],
    asked: { limit: 1, order: byId },
    rows: [{ title: 'Engines', id: 1, name: 'Paris', 'founded on': '0250-01-01' }],
  },
  {
    title: 'many rows are spread as a list for each column, all in one order',
    from: 'writer',
    columns: [
      ...named('name'),
      itsBooks(
        [
          { column: 'title', as: 'titles' },
          { column: 'year', as: 'years' },
          itsReaders([{ column: 'name', as: 'readers' }], { isSpread: true, order: [{ column: 'name' }] }),
        ],
        { isSpread: true, order: [{ column: 'year', direction: 'desc' }] },
      ),
    ],
    asked: { order: byId },
    rows: [
      { name: 'Ada', titles: ['Notes', 'Engines'], years: [1844, 1843], readers: [[], ['Rita', 'Sam']] },
      { name: 'Bo', titles: ['Fjords'], years: [1844], readers: [['Rita']] },
      { name: 'Cy', titles: [], years: [], readers: [] },
    ],
  },
  {
    title: 'aggregates are over the rows that are alike in everything else',
    from: 'book',
    columns: [
      ...named('year'),
      { count: 'rows' },
      { column: 'pages', aggregate: { name: 'max', cast: 'text' } },
      { column: 'writer', as: 'writers', aggregate: { name: 'count' } },
    ],
    asked: { order: [{ column: 'year', nulls: 'first' }] },
    rows: [
      { year: null, count: 1, max: '5', writers: 0 },
      { year: 1843, count: 1, max: '9007199254740993', writers: 1 },
      { year: 1844, count: 2, max: '320', writers: 2 },
    ],
  },
  {
    title: 'places in json are cast, summed, grouped by and ordered by',
    from: 'book',
    columns: [
      { column: 'facts', path: { steps: ['isbn'], as: 'text' }, as: 'isbn' },
      { column: 'facts', path: { steps: ['n'], as: 'text' }, cast: 'int', as: 'n', aggregate: { name: 'sum' } },
    ],
    asked: { order: [{ column: 'facts', path: { steps: ['isbn'], as: 'text' }, direction: 'desc', nulls: 'last' }] },
    rows: [
      { isbn: 'x2', n: 2 },
      { isbn: 'x1', n: 1 },
      { isbn: null, n: null },
    ],
  },
  {
    title: 'rows are grouped by an embed, one or many',
    from: 'book',
    columns: [{ column: 'id', aggregate: { name: 'max' } }, itsWriter([...named('name')])],
    asked: { where: { kind: 'compare', column: 'writer', operator: 'eq', value: '1' } },
    rows: [{ max: 2, writer: { name: 'Ada' } }],
  },
  {
    title: 'an aggregate of a row spread among ours is over our rows',
    from: 'book',
    columns: [
      ...named('year'),
      itsWriter(
        [
          { column: 'id', as: 'most', aggregate: { name: 'max' } },
          { count: 'rows', as: 'writers' },
        ],
        {
          isSpread: true,
        },
      ),
    ],
    asked: { order: [{ column: 'year', nulls: 'last' }] },
    rows: [
      { year: 1843, most: 1, writers: 1 },
      { year: 1844, most: 2, writers: 2 },
      { year: null, most: null, writers: 0 },
    ],
  },
  {
    title: 'an aggregate within an embed is over the rows of the embed',
    from: 'writer',
    columns: [...named('name'), itsBooks([...named('year'), { count: 'rows' }], { order: [{ column: 'year' }] })],
    asked: { order: byId, limit: 2 },
    rows: [
      {
        name: 'Ada',
        book: [
          { year: 1843, count: 1 },
          { year: 1844, count: 1 },
        ],
      },
      { name: 'Bo', book: [{ year: 1844, count: 1 }] },
    ],
  },
  {
    title: 'a function of the row is read like a column, and one that yields rows like an embed',
    from: 'writer',
    columns: [
      ...named('shout'),
      itsBooks(named('title'), { join: { kind: 'function', function: inLibrary('long_books') } }),
    ],
    asked: { where: { kind: 'compare', column: 'shout', operator: 'like', value: '%B%' } },
    rows: [{ shout: 'BO', book: [{ title: 'Fjords' }] }],
  },
  {
    title: 'steps into json are keys and places, whatever is in them',
    from: 'writer',
    columns: [
      { column: 'note', path: { steps: ['likes', '1', 'x y'], as: 'json' }, as: 'deep' },
      { column: 'note', path: { steps: ['a"b'], as: 'text' }, as: 'quoted' },
    ],
    asked: {
      where: {
        kind: 'compare',
        column: 'note',
        path: { steps: ['likes', '0'], as: 'text' },
        operator: 'eq',
        value: 'tea',
      },
    },
    rows: [{ deep: 1, quoted: '2' }],
  },
  {
    title: 'a step may count from the end of a list, in json too',
    from: 'book',
    columns: [{ column: 'raw', path: { steps: ['-1', 'b', '-1'], as: 'text' }, as: 'last' }],
    asked: { where: { kind: 'compare', column: 'id', operator: 'eq', value: '3' } },
    rows: [{ last: '5' }],
  },
  {
    title: 'rows are ordered by what a column of their one row is called there',
    from: 'book',
    columns: [
      ...named('id'),
      itsWriter([{ column: 'name', as: 'by' }], { isSpread: true, as: 'spread' }),
      itsWriter([{ column: 'name', as: 'called' }]),
    ],
    asked: {
      order: [
        { embed: 'spread', column: 'by', direction: 'desc', nulls: 'last' },
        { embed: 'writer', column: 'called' },
        { column: 'id', direction: 'desc' },
      ],
    },
    rows: [
      { id: 3, by: 'Bo', writer: { called: 'Bo' } },
      { id: 2, by: 'Ada', writer: { called: 'Ada' } },
      { id: 1, by: 'Ada', writer: { called: 'Ada' } },
      { id: 4, by: null, writer: null },
    ],
  },
  {
    title: 'a list becomes json for a step into it',
    from: 'book',
    columns: [{ column: 'tags', path: { steps: ['1'], as: 'text', of: 'row' }, as: 'second' }],
    asked: { where: { kind: 'compare', column: 'id', operator: 'eq', value: '1' } },
    rows: [{ second: 'a,b' }],
  },
]

for (const { title, from, columns, asked, rows } of cases) {
  test(title, async () => assert.deepEqual(await read(from, columns, asked), rows))
}
