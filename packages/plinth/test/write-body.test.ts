import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Operation } from '../src/operation/operation.ts'
import { type BodyOptions, compileBody, rowsRefused } from '../src/sql/body.ts'
import { compilePlannedCount, plannedRows } from '../src/sql/planned-count.ts'
import { testDatabase } from './support/database.ts'
import { inLibrary, itsBooks, itsTown, itsWriter, librarySchema, named } from './support/library.ts'
import { answer, pgRunner } from './support/pg-runner.ts'

const { url } = await testDatabase({ script: librarySchema })
const runner = pgRunner(url)
after(() => runner.close())

interface Told {
  readonly body: unknown
  readonly [column: string]: unknown
}

type Bodied = Exclude<Operation, { kind: 'count' }>

/** What the statement answers, in a transaction that is undone. */
async function tell(operation: Bodied, options: Partial<BodyOptions> = {}): Promise<Told> {
  await runner.client.query('begin')
  try {
    const { columns, rows } = await answer(runner.client, compileBody(operation, { exactCount: true, ...options }))
    const told = Object.fromEntries(columns.map(({ name }, i) => [name, rows[0]?.[i] ?? null]))
    return { ...told, body: parsed(told['body'] ?? null, options) }
  } finally {
    await runner.client.query('rollback')
  }
}

function parsed(body: string | null, { format }: Partial<BodyOptions>): unknown {
  return body === null || (format && format.kind !== 'array') ? body : JSON.parse(body)
}

const target = inLibrary('writer')
const byId = [{ column: 'id' }]
const bo = { kind: 'compare', column: 'id', operator: 'eq', value: '2' } as const

test('an insert gives back what its rows belong to, in an order', async () => {
  const told = await tell({
    kind: 'insert',
    target: inLibrary('book'),
    rows: [
      { title: 'B', writer: 1 },
      { title: 'A', writer: 2 },
    ],
    returning: [...named('title'), itsWriter([...named('shout'), itsTown(named('name'))])],
    order: [{ column: 'title' }],
    result: 'rows',
  })
  assert.deepEqual(told.body, [
    { title: 'A', writer: { shout: 'BO', town: { name: 'Paris' } } },
    { title: 'B', writer: { shout: 'ADA', town: { name: 'Paris' } } },
  ])
  assert.deepEqual([told['rows'], told['total']], ['2', '2'])
})

test('an update gives back computed columns, lists and what a function of the row yields', async () => {
  const update = { kind: 'update', target, set: { name: 'Bob' }, where: bo, result: 'rows' } as const
  const told = await tell({ ...update, returning: [...named('shout', 'name')] })
  assert.deepEqual(told.body, [{ shout: 'BOB', name: 'Bob' }])
  const long = itsBooks(named('title'), { as: 'long', join: { kind: 'function', function: inLibrary('long_books') } })
  const nested = await tell({ ...update, returning: [...named('shout'), itsBooks(named('id')), long] })
  assert.deepEqual(nested.body, [{ shout: 'BOB', book: [{ id: 3 }], long: [{ title: 'Fjords' }] }])
})

test('a delete gives back whole rows with their embeds, and aggregates over them', async () => {
  const remove = { kind: 'delete', target: inLibrary('loan'), where: 'every row', result: 'rows' } as const
  const told = await tell({ ...remove, returning: [{ count: 'rows' }, { column: 'days', aggregate: { name: 'sum' } }] })
  assert.deepEqual([told.body, told['rows']], [[{ count: 3, sum: 16 }], '3'])
  const book = { embed: inLibrary('book'), as: 'book', rows: 'one', columns: named('title') } as const
  const embed = { ...book, join: { kind: 'columns', on: [['book', 'id']] } } as const
  const rows = await tell({ ...remove, returning: [...named('days'), embed], order: [{ column: 'days' }] })
  assert.deepEqual(rows.body, [
    { days: 3, book: { title: 'Engines' } },
    { days: 5, book: { title: 'Engines' } },
    { days: 8, book: { title: 'Fjords' } },
  ])
})

test('only the columns that are asked for leave a write, which a role may be allowed alone', async () => {
  const role = `narrow_${process.pid}`
  await runner.client.query(`create role ${role}; grant usage on schema library to ${role};
    grant update (name), select (id, town) on library.writer to ${role}; grant select on library.town to ${role}`)
  try {
    await runner.client.query(`set role ${role}`)
    const set = { kind: 'update', target, set: { name: 'X' }, where: bo, result: 'rows' } as const
    const told = await tell({ ...set, returning: [...named('id'), itsTown(named('name'))] })
    assert.deepEqual(told.body, [{ id: 2, town: { name: 'Paris' } }])
    await assert.rejects(tell({ ...set, returning: 'all' }), { sqlstate: '42501' })
  } finally {
    await runner.client.query(`reset role; drop owned by ${role}; drop role ${role}`)
  }
})

test('an upsert of several rows says how many were new', async () => {
  const rows = [
    { id: 2, name: 'New name' },
    { id: 9, name: 'Ivy' },
  ]
  const upsert = { kind: 'upsert', target, rows, conflict: ['id'], returning: named('name'), result: 'rows' } as const
  const merged = await tell({ ...upsert, action: 'update' }, { countsInserted: true })
  assert.deepEqual(
    [merged.body, merged['rows'], merged['inserted']],
    [[{ name: 'New name' }, { name: 'Ivy' }], '2', '1'],
  )
  const ignored = await tell({ ...upsert, action: 'ignore' }, { countsInserted: true })
  assert.deepEqual([ignored.body, ignored['inserted']], [[{ name: 'Ivy' }], '1'])
})

test('an upsert with columns writes the defaults that rows leave out', async () => {
  const told = await tell({
    kind: 'upsert',
    target: inLibrary('book'),
    rows: [{ id: 1, title: 'Engines 2' }, { title: 'New' }],
    columns: ['id', 'title'],
    conflict: ['id'],
    action: 'update',
    returning: named('title'),
    result: 'rows',
  })
  assert.deepEqual(told.body, [{ title: 'Engines 2' }, { title: 'New' }])
})

test('a row is put only where its own values fit the condition', async () => {
  const put = { kind: 'upsert', target, conflict: ['id'], action: 'update', result: 'rows', where: bo } as const
  const options = { allowedRows: { least: 1, most: 1 }, countsInserted: true }
  const fits = await tell({ ...put, rows: [{ id: 2, name: 'Put' }], returning: named('name') }, options)
  assert.deepEqual([fits.body, fits['inserted']], [[{ name: 'Put' }], '0'])
  await assert.rejects(tell({ ...put, rows: [{ id: 3, name: 'Put' }] }, options), (error) => rowsRefused(error) === 0)
})

test('a write that is not read back answers its numbers', async () => {
  const told = await tell({ kind: 'delete', target: inLibrary('loan'), where: 'every row', result: 'rows' })
  assert.deepEqual(told, { body: null, rows: '3', total: '3' })
})

test('a call gives back rows that are read like those of a table', async () => {
  const call = {
    kind: 'call',
    target: inLibrary('books_since'),
    args: { since: '1840', words: ['a', 'b'] },
    variadic: 'words',
    types: { since: 'integer', words: 'text[]' },
    result: 'rows',
  } as const
  const told = await tell({
    ...call,
    columns: [...named('title'), itsWriter(named('name'))],
    where: { kind: 'compare', column: 'year', operator: 'eq', value: '1844' },
    order: [{ column: 'id', direction: 'desc' }],
    limit: 1,
  })
  assert.deepEqual([told.body, told['rows'], told['total']], [[{ title: 'Fjords', writer: { name: 'Bo' } }], '1', '2'])
  const whole = await tell(call)
  assert.equal(whole['total'], '3')
})

test('a call of bare values gives them back between limit and offset', async () => {
  const call = { kind: 'call', target: inLibrary('years'), args: {}, limit: 2, offset: 1, result: 'rows' } as const
  const told = await tell(call, { isScalar: true })
  assert.deepEqual([told.body, told['rows'], told['total']], [[1844, 1844], '2', '4'])
})

test('an argument without a name is given by place', async () => {
  const call = { kind: 'call', target: inLibrary('only_one'), args: { '': '{"a":{"b":1}}' }, result: 'value' } as const
  assert.deepEqual((await tell({ ...call, types: { '': 'json' } }, { isScalar: true })).body, { b: 1 })
})

test('the most rows of an answer hold for each list in it too', async () => {
  const read = { kind: 'select', target, columns: [...named('name'), itsBooks(named('id'), { order: byId })] } as const
  const told = await tell({ ...read, order: byId, limit: 3, result: 'rows' }, { maxRows: 1 })
  assert.deepEqual([told.body, told['total']], [[{ name: 'Ada', book: [{ id: 1 }] }], '3'])
})

test('a count stops where it is told to', async () => {
  const read = { kind: 'select', target, columns: 'all', result: 'rows' } as const
  assert.equal((await tell(read, { exactCount: false, countAtMost: 2 }))['total'], '2')
})

test('rows are written as CSV with a line of names', async () => {
  await runner.client.query('begin')
  try {
    await runner.client.query(`create table library.odd ("a,b" text, c text, d bool, e text[]);
      insert into library.odd values ('x"y', e'back\\\\slash', true, '{1,2}'), (null, '', false, null), (e'l1\\nl2', 'q', null, '{}')`)
    const select = { kind: 'select', target: inLibrary('odd'), columns: 'all', result: 'rows' } as const
    const statement = compileBody(select, { exactCount: false, format: { kind: 'csv' } })
    const { rows } = await answer(runner.client, statement)
    const lines = ['"a,b",c,d,e', '"x""y","back\\slash",t,"{1,2}"', ',"",f,', '"l1\nl2",q,,{}']
    assert.equal(rows[0]?.[0], lines.join('\n'))
  } finally {
    await runner.client.query('rollback')
  }
})

test('nulls are stripped, a value is given as it is, and an aggregate of the database makes the body', async () => {
  const read = { kind: 'select', target, columns: named('id', 'town'), order: byId, result: 'rows' } as const
  const stripped = await tell(read, { format: { kind: 'array', stripsNulls: true } })
  assert.deepEqual(stripped.body, [{ id: 1, town: 1 }, { id: 2, town: 1 }, { id: 3 }])
  const raw = { kind: 'call', target: inLibrary('only_one'), args: { '': '{"a":"é"}' }, result: 'value' } as const
  const value = await tell(raw, { isScalar: true, format: { kind: 'raw', of: 'text' } })
  assert.equal(value.body, '"é"')
  await runner.client.query(`create function library.joined_names(text, library.town) returns text language sql
      as $$ select concat($1, $2.name, ';') $$;
    create aggregate library.names_of(library.town) (sfunc = library.joined_names, stype = text)`)
  const towns = { kind: 'select', target: inLibrary('town'), columns: 'all', order: byId, result: 'rows' } as const
  const format = { kind: 'handler', function: inLibrary('names_of'), row: inLibrary('town') } as const
  assert.equal((await tell(towns, { format })).body, 'Paris;Oslo;')
})

test('what a function says about the response comes back with its rows', async () => {
  await runner.client.query(`create function library.teapot() returns int language sql as $$
    select set_config('response.status', '418', true); select set_config('response.headers', '[]', true); select 1 $$`)
  const call = { kind: 'call', target: inLibrary('teapot'), args: {}, result: 'value' } as const
  const told = await tell(call, { isScalar: true, readsResponse: true })
  assert.deepEqual([told.body, told['status'], told['headers']], [1, '418', '[]'])
})

test('a body that is longer than allowed fails, whatever else is asked for', async () => {
  const read = { kind: 'select', target, columns: 'all', result: 'rows' } as const
  await assert.rejects(tell(read, { mostBytes: 10, readsResponse: true }), { sqlstate: '22P02' })
  assert.deepEqual((await tell(read, { mostBytes: 10_000, readsResponse: true }))['status'], null)
})

test('the planner is asked for its number of rows, with the conditions of the operation and of its embeds', async () => {
  const embed = itsBooks([{ column: 'title', path: { steps: ['x'], as: 'text' } }], { isInner: true, limit: 3 })
  const read = {
    kind: 'select',
    target,
    columns: [...named('name'), embed],
    where: bo,
    limit: 9,
    result: 'rows',
  } as const
  const { columns, rows } = await answer(runner.client, compilePlannedCount(read))
  assert.deepEqual([columns.length, rows.length, plannedRows(rows[0]?.[0] ?? '')], [1, 1, 1])
  const every = await answer(
    runner.client,
    compilePlannedCount({ ...read, columns: 'all', where: { ...bo, operator: 'gt' } }),
  )
  assert.ok(Number(plannedRows(every.rows[0]?.[0] ?? '')) > 1)
})
