import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call } from '../src/operation/call.ts'
import { encodeCursor } from '../src/operation/cursor.ts'
import type { Condition, Embed, Operation, Select } from '../src/operation/operation.ts'
import { table } from '../src/operation/table.ts'
import { compileBody } from '../src/sql/body.ts'
import { compile } from '../src/sql/compile.ts'

const posts = table<{ id: number; author: number | null; title: string; createdAt: Date }>('blog.posts')
const json = '$1::json'
const set = `from json_populate_recordset(null::"blog"."posts", ${json}) as "r2"`

const texts: readonly (readonly [name: string, operation: Operation, text: string, values: readonly unknown[]])[] = [
  ['get', posts.get(7), 'select "r1".* from "blog"."posts" as "r1" where "r1"."id" = $1 limit 1', ['7']],
  [
    'find',
    posts.find(
      { author: { in: [7, 8] } },
      { select: ['id'], limit: 10, offset: 5, order: [{ title: 'desc nulls last' }, 'id'] },
    ),
    'select "r1"."id" from "blog"."posts" as "r1" where "r1"."author" = any($1) order by "r1"."title" desc nulls last, "r1"."id" limit $2 offset $3',
    ['{"7","8"}', '10', '5'],
  ],
  [
    'first',
    posts.first({ author: null, title: { like: 'a%' } }),
    'select "r1".* from "blog"."posts" as "r1" where ("r1"."author" is null and "r1"."title" like $1) limit 1',
    ['a%'],
  ],
  [
    'page',
    posts.page({ author: 7 }, { size: 20, order: [{ title: 'desc' }] }),
    'select "r1".*, "r1"."title", "r1"."id" from "blog"."posts" as "r1" where "r1"."author" = $1 order by "r1"."title" desc, "r1"."id" limit $2',
    ['7', '21'],
  ],
  ['exists', posts.exists({ author: 7 }), 'select from "blog"."posts" as "r1" where "r1"."author" = $1 limit 1', ['7']],
  ['count', posts.count(), 'select count(*) from "blog"."posts" as "r1"', []],
  [
    'condition tree',
    posts.count({ or: [{ title: 'a' }, { not: { author: { gt: 1, lte: 9 } } }], and: [{ id: { notIn: [1] } }] }),
    'select count(*) from "blog"."posts" as "r1" where (("r1"."title" = $1 or not (("r1"."author" > $2 and "r1"."author" <= $3))) and (not ("r1"."id" = any($4))))',
    ['a', '1', '9', '{"1"}'],
  ],
  [
    'insert',
    posts.insert({ author: 7, title: 'Notes' }),
    `insert into "blog"."posts" as "r1" ("author", "title") select "r2"."author", "r2"."title" ${set} returning "r1".*`,
    ['[{"author":7,"title":"Notes"}]'],
  ],
  [
    'insert of defaults',
    posts.insert({}),
    `insert into "blog"."posts" as "r1" select ${set} returning "r1".*`,
    ['[{}]'],
  ],
  [
    'insert of different columns',
    posts.insertMany([{ title: 'a', author: 1 }, { title: 'b' }]),
    'insert into "blog"."posts" as "r1" ("title", "author") values ' +
      '((json_populate_record(null::"blog"."posts", $1::json))."title", (json_populate_record(null::"blog"."posts", $1::json))."author"), ' +
      '((json_populate_record(null::"blog"."posts", $2::json))."title", default) returning "r1".*',
    ['{"title":"a","author":1}', '{"title":"b"}'],
  ],
  [
    'insert of a row beside one of defaults alone',
    posts.insertMany([{ title: 'a' }, {}]),
    'insert into "blog"."posts" as "r1" ("title") values ' +
      '((json_populate_record(null::"blog"."posts", $1::json))."title"), (default) returning "r1".*',
    ['{"title":"a"}'],
  ],
  [
    'upsert',
    posts.upsert({ id: 1, title: 'a' }),
    `insert into "blog"."posts" as "r1" ("id", "title") select "r2"."id", "r2"."title" ${set} on conflict ("id") do update set "title" = excluded."title" returning "r1".*`,
    ['[{"id":1,"title":"a"}]'],
  ],
  [
    'getOrCreate',
    posts.getOrCreate({ title: 'a' }, { on: ['title'] }),
    `with "found" as (select "r1".* from "blog"."posts" as "r1" where ("r1"."title") = (select "r2"."title" ${set})), ` +
      `"made" as (insert into "blog"."posts" as "r3" ("title") select "r2"."title" ${set} where not exists (select from ` +
      '"found") on conflict ("title") do nothing returning "r3".*) select * from "found" union all select * from "made"',
    ['[{"title":"a"}]'],
  ],
  [
    'update',
    posts.update(7, { title: 'b' }),
    'update "blog"."posts" as "r1" set ("title") = (select "r2"."title" from json_populate_record(null::"blog"."posts", $1::json) as "r2") where "r1"."id" = $2 returning "r1".*',
    ['{"title":"b"}', '7'],
  ],
  [
    'updateAll',
    posts.updateAll({ author: null }),
    'update "blog"."posts" as "r1" set ("author") = (select "r2"."author" from json_populate_record(null::"blog"."posts", $1::json) as "r2")',
    ['{"author":null}'],
  ],
  [
    'deleteWhere',
    posts.deleteWhere({ author: 7 }),
    'delete from "blog"."posts" as "r1" where "r1"."author" = $1',
    ['7'],
  ],
  ['deleteAll', posts.deleteAll(), 'delete from "blog"."posts" as "r1"', []],
  ['call for rows', call('a.f', { n: 1 }), 'select * from "a"."f"("n" => $1)', ['1']],
  [
    'call for a value',
    call('f', { l: [1, null, 'a"'], o: { a: 1 } }, 'value'),
    'select "f"("l" => $1, "o" => $2)',
    ['{"1",NULL,"a\\""}', '{"a":1}'],
  ],
  [
    'cast and alias',
    {
      kind: 'select',
      target: { name: 't' },
      columns: [
        { column: 'a', as: 'x', cast: 'double precision' },
        { column: 'b', cast: 'text[]' },
      ],
      result: 'rows',
    },
    'select "r1"."a"::pg_catalog.float8 as "x", "r1"."b"::pg_catalog.text[] as "b" from "t" as "r1"',
    [],
  ],
]

for (const [name, operation, text, values] of texts) {
  test(`${name} compiles to its text and bound values`, () => {
    const compiled = compile(operation)
    assert.deepEqual([compiled.text, compiled.values], [text, values])
  })
}

test('the next page starts behind the last row of the one before', () => {
  const [row, order] = [['b', '7'], [{ title: 'desc' as const }]]
  const first = posts.page({}, { size: 1, order })
  assert.equal(first.kind, 'select')
  const { text, values } = compile(posts.page({}, { size: 1, order, after: cursorOf(first, row) }))
  assert.equal(
    text,
    'select "r1".*, "r1"."title", "r1"."id" from "blog"."posts" as "r1" where ("r1"."title" <= $1 and ("r1"."title" < $2 or ("r1"."title" = $3 and "r1"."id" > $4))) order by "r1"."title" desc, "r1"."id" limit $5',
  )
  assert.deepEqual(values, ['b', 'b', 'b', '7', '2'])
})

test('a body counts what limit leaves out with the same condition and parameters', () => {
  const operation = {
    kind: 'select',
    target: { name: 'r' },
    columns: 'all',
    where: compare('a'),
    limit: 2,
    result: 'rows',
  } as const
  const { text, values } = compileBody(operation, { exactCount: true })
  assert.equal(
    text,
    `select coalesce(json_agg("r2".*), '[]')::text as "body", count(*) as "rows", (select count(*) from "r" as "r1" where "r1"."a" = $1) as "total" ` +
      'from (select "r1".* from "r" as "r1" where "r1"."a" = $1 limit $2) as "r2"',
  )
  assert.deepEqual(values, ['1', '2'])
})

test('a body of a write hides no table behind the name of its own expression', () => {
  for (const name of ['written', 'found', 'made']) {
    const operation = {
      kind: 'upsert',
      target: { name },
      rows: [{ id: 1 }],
      conflict: ['id'],
      action: 'get',
      returning: 'all',
      result: 'row',
    } as const
    const { text } = compileBody(operation, { exactCount: false })
    assert.doesNotMatch(text, new RegExp(`"${name}" as \\(`))
  }
})

const target = { name: 't' }
const wrong: readonly (readonly [name: string, operation: unknown])[] = [
  ['an empty and', { kind: 'delete', target, where: { kind: 'and', of: [] }, result: 'count' }],
  ['an empty or', { kind: 'select', target, columns: 'all', where: { kind: 'or', of: [] }, result: 'rows' }],
  ['an update without a condition', { kind: 'update', target, set: { a: 1 }, result: 'count' }],
  ['a delete without a condition', { kind: 'delete', target, result: 'count' }],
  ['an update of nothing', { kind: 'update', target, set: {}, where: 'every row', result: 'count' }],
  [
    'an operator of its own',
    { kind: 'count', target, where: { ...compare('a'), operator: '= 1 or 1 =' }, result: 'count' },
  ],
  [
    'an operator of the prototype',
    { kind: 'count', target, where: { ...compare('a'), operator: 'toString' }, result: 'count' },
  ],
  ['a condition of no kind', { kind: 'count', target, where: { kind: 'raw', sql: 'true' }, result: 'count' }],
  ['a kind of its own', { kind: 'drop', target }],
  [
    'a direction of its own',
    { kind: 'select', target, columns: 'all', order: [{ column: 'a', direction: 'desc; drop' }], result: 'rows' },
  ],
  ['a negative limit', { kind: 'select', target, columns: 'all', limit: -1, result: 'rows' }],
  ['a broken offset', { kind: 'select', target, columns: 'all', offset: 0.5, result: 'rows' }],
  [
    'an upsert of different columns',
    { kind: 'upsert', target, rows: [{ a: 1, b: 1 }, { a: 2 }], conflict: ['a'], action: 'update', result: 'none' },
  ],
  [
    'an upsert that updates by nothing',
    { kind: 'upsert', target, rows: [{ a: 1 }], conflict: [], action: 'update', result: 'none' },
  ],
  [
    'a get without its key',
    { kind: 'upsert', target, rows: [{ b: 1 }], conflict: ['a'], action: 'get', result: 'none' },
  ],
  [
    'a get of two rows',
    { kind: 'upsert', target, rows: [{ a: 1 }, { a: 2 }], conflict: ['a'], action: 'get', result: 'none' },
  ],
  [
    'an action of its own',
    { kind: 'upsert', target, rows: [{ a: 1 }], conflict: ['a'], action: 'nothing', result: 'none' },
  ],
  [
    "a table named like a type of PostgreSQL's",
    { kind: 'insert', target: { name: 'path' }, rows: [{ a: 1 }], result: 'none' },
  ],
  ['an empty name', { kind: 'count', target: { name: '' }, result: 'count' }],
  ['a name with U+0000', { kind: 'count', target: { name: 'a\0' }, result: 'count' }],
  ['a name of 64 bytes', { kind: 'count', target: { name: 'é'.repeat(32) }, result: 'count' }],
  ['a name that is half a character', { kind: 'count', target: { name: '\ud800' }, result: 'count' }],
]

for (const [name, operation] of wrong) {
  test(`${name} does not compile`, () => {
    assert.throws(() => compile(JSON.parse(JSON.stringify(operation))), { code: 'InvalidOperation' })
  })
}

test('a cast to a type that is not in the list is refused as PostgreSQL refuses one that is not there', () => {
  const cast = { kind: 'select', target, columns: [{ column: 'a', cast: 'regclass' }], result: 'rows' } as const
  assert.throws(() => compile(cast), { code: 'UndefinedObject', sqlstate: '42704' })
})

test('an embed is tested once, however often it is asked for, and not again where it is inner', () => {
  const is = (value: 'null' | 'not_null'): Condition => ({ kind: 'embedded', embed: 'kids', value })
  const some: Condition = { kind: 'not', of: is('null') }
  const tests = (isInner: boolean, of: readonly Condition[]): number =>
    compile(select([kids(['id'], isInner)], { kind: 'and', of })).text.split('exists (').length - 1
  assert.equal(tests(false, [some]), 1)
  assert.equal(tests(false, [some, is('not_null'), { kind: 'and', of: [some] }]), 1)
  assert.equal(tests(false, [some, is('null')]), 2)
  assert.equal(tests(true, [some, is('not_null')]), 1)
  assert.equal(tests(true, [is('null')]), 2)
})

test('conditions on inner embeds in each other add to a statement, and do not multiply it', () => {
  const length = (depth: number): number => compile(select([kidsIn(depth, 'and')])).text.length
  assert.ok(length(8) < 5 * length(4), `${length(4)}, ${length(8)}`)
})

test('a statement reads from a bounded number of places', () => {
  const many = (count: number): Select =>
    select(Array.from({ length: count }, (_, i) => ({ ...kids(['id']), as: `kids${i}` })))
  compile(many(30))
  for (const operation of [many(50), select([kidsIn(9, 'or')]), select([kidsIn(20, 'or')])]) {
    assert.throws(() => compile(operation), { code: 'InvalidOperation', message: /more than 100 places/ })
    assert.throws(() => compileBody(operation, { exactCount: false }), {
      code: 'InvalidOperation',
      message: /more than 100 places/,
    })
  }
})

function select(columns: readonly Embed[], where?: Condition): Select {
  return { kind: 'select', target, columns, ...(where && { where }), result: 'rows' }
}

function kids(names: readonly string[], isInner = false): Embed {
  const join = { kind: 'columns', on: [['id', 'parent']] } as const
  const columns = names.map((column) => ({ column }))
  return { embed: target, as: 'kids', join, rows: 'many', ...(isInner && { isInner }), columns }
}

/** Inner embeds in each other, of which each asks twice for those within. */
function kidsIn(depth: number, kind: 'and' | 'or'): Embed {
  if (depth === 1) return kids(['id'], true)
  const some: Condition = { kind: 'embedded', embed: 'kids', value: 'not_null' }
  return { ...kids([], true), columns: [{ column: 'id' }, kidsIn(depth - 1, kind)], where: { kind, of: [some, some] } }
}

function compare(column: string): Condition {
  return { kind: 'compare', column, operator: 'eq', value: '1' }
}

/** The cursor a runner would make of a page whose last row is `row`. */
function cursorOf(operation: Operation, row: readonly string[]): string {
  assert.ok(operation.kind === 'select')
  return encodeCursor(operation.order ?? [], row)
}
