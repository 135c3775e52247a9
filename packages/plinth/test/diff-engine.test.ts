import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'drizzle-orm'
import * as pg from 'drizzle-orm/pg-core'
import type { Answers, Difference, Question } from '../src/migrate/diff-engine.ts'
import { drizzleEngine } from '../src/migrate/drizzle-engine.ts'

type Entities = Readonly<Record<string, unknown>>

const engine = await drizzleEngine()
const id = pg.integer().primaryKey().generatedAlwaysAsIdentity()

function users(columns: Readonly<Record<string, pg.AnyPgColumnBuilder>>): Entities {
  return { users: pg.pgTable('users', { id, ...columns }) }
}

async function difference(before: Entities, after: Entities, answers: Partial<Answers> = {}): Promise<Difference> {
  const [from, to] = [await engine.snapshot(before), await engine.snapshot(after)]
  return await engine.difference(from, to, { renames: [], drops: [], ...answers })
}

async function questions(
  before: Entities,
  after: Entities,
  answers: Partial<Answers> = {},
): Promise<readonly Question[]> {
  const { questions, up, down } = await difference(before, after, answers)
  if (questions.length > 0) assert.deepEqual([...up, ...down], [])
  return questions
}

const named = users({ name: pg.text() })
const fullyNamed = users({ fullName: pg.text('full_name') })

test('a column that is gone while another is new is asked about, and is renamed or dropped as somebody says', async () => {
  assert.deepEqual(await questions(named, fullyNamed), [
    { object: 'column', removed: 'users.name', added: ['users.full_name'] },
  ])
  const renamed = await difference(named, fullyNamed, { renames: [{ from: 'users.name', to: 'users.full_name' }] })
  assert.deepEqual(renamed.up, ['ALTER TABLE "users" RENAME COLUMN "name" TO "full_name";'])
  assert.deepEqual(renamed.down, ['ALTER TABLE "users" RENAME COLUMN "full_name" TO "name";'])
  const dropped = await difference(named, fullyNamed, { drops: ['public.users.name'] })
  assert.deepEqual(dropped.up, [
    'ALTER TABLE "users" ADD COLUMN "full_name" text;',
    'ALTER TABLE "users" DROP COLUMN "name";',
  ])
})

test('snapshots that are taken at once leave the console and the end of the process as they were', async () => {
  const globals = (): unknown[] => [Reflect.get(console, 'log'), Reflect.get(process, 'exit')]
  const before = globals()
  const wrong = { a: pg.pgTable('twice', { id }), b: pg.pgTable('twice', { id }) }
  const all = [wrong, named, wrong, fullyNamed].map((entities) => engine.snapshot(entities))
  const settled = await Promise.allSettled(all)
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled'],
  )
  assert.ok(globals().every((one, at) => one === before[at]))
})

test('a table or a column with nothing in its place is not dropped unless somebody says so', async () => {
  assert.deepEqual(await questions(named, {}), [{ object: 'table', removed: 'users', added: [] }])
  assert.deepEqual(await questions(named, users({})), [{ object: 'column', removed: 'users.name', added: [] }])
  assert.deepEqual((await difference(named, {}, { drops: ['users'] })).up, ['DROP TABLE "users";'])
})

test('a column that has to be made anew to be generated is asked about, and one that was generated is not', async () => {
  const generated = users({ name: pg.text().generatedAlwaysAs(sql`'a'`) })
  assert.deepEqual(await questions(named, generated), [{ object: 'column', removed: 'users.name', added: [] }])
  assert.deepEqual(await questions(generated, users({ name: pg.text().generatedAlwaysAs(sql`'b'`) })), [])
})

test('schema, table and column can be renamed at once, each below the new name of the one above, and back', async () => {
  const [old, fresh] = [pg.pgSchema('a'), pg.pgSchema('b')]
  const before = { old, users: old.table('users', { id, name: pg.text() }) }
  const after = { fresh, people: fresh.table('people', { id, full: pg.text() }) }
  const renames = [
    { from: 'a', to: 'b' },
    { from: 'b.users', to: 'b.people' },
    { from: 'b.people.name', to: 'b.people.full' },
  ]
  assert.deepEqual(await questions(before, after), [{ object: 'schema', removed: 'a', added: ['b'] }])
  assert.deepEqual(await difference(before, after, { renames }), {
    questions: [],
    up: [
      'ALTER SCHEMA "a" RENAME TO "b";',
      'ALTER TABLE "b"."users" RENAME TO "people";',
      'ALTER TABLE "b"."people" RENAME COLUMN "name" TO "full";',
    ],
    down: [
      'ALTER SCHEMA "b" RENAME TO "a";',
      'ALTER TABLE "a"."people" RENAME TO "users";',
      'ALTER TABLE "a"."users" RENAME COLUMN "full" TO "name";',
    ],
  })
})

test('an answer about nothing that is gone is refused, and so is a rename to something that is not new', async () => {
  const wrong = (answers: Partial<Answers>, message: RegExp): Promise<void> =>
    assert.rejects(difference(named, fullyNamed, answers), { code: 'InvalidOption', message })
  await wrong({ drops: ['users.name', 'users.nam'] }, /^Nothing called users\.nam is gone/)
  await wrong(
    { renames: [{ from: 'users.name', to: 'users.full' }] },
    /users\.name cannot be renamed to users\.full: .* New: users\.full_name\.$/,
  )
})

test('an index with another name alone is renamed, and a check that says something else is made anew', async () => {
  const indexed = (name: string): Entities => ({ users: pg.pgTable('users', { id }, (t) => [pg.index(name).on(t.id)]) })
  assert.deepEqual((await difference(indexed('one'), indexed('two'))).up, ['ALTER INDEX "one" RENAME TO "two";'])
  const checked = (name: string): Entities => ({
    users: pg.pgTable('users', { id }, (t) => [pg.check(name, sql`${t.id} > ${sql.raw(String(name.length))}`)]),
  })
  assert.equal((await difference(checked('one'), checked('three'))).up.length, 2)
})

test('an index that is built concurrently is a stage of its own, unless its table is new', async () => {
  const indexed = {
    users: pg.pgTable('users', { id, name: pg.text() }, (t) => [pg.index('names').on(t.name).concurrently()]),
  }
  const [before, after] = [await engine.snapshot(users({})), await engine.snapshot(indexed)]
  const [middle = engine.empty, ...rest] = engine.stages(before, after)
  assert.deepEqual(rest, [after])
  const none = { renames: [], drops: [] }
  assert.deepEqual((await engine.difference(before, middle, none)).up, ['ALTER TABLE "users" ADD COLUMN "name" text;'])
  assert.deepEqual((await engine.difference(middle, after, none)).up, [
    'CREATE INDEX CONCURRENTLY "names" ON "users" ("name");',
  ])
  assert.deepEqual(engine.stages(engine.empty, after), [after])
})

test('entities that contradict each other are an error, and the process goes on', async () => {
  await assert.rejects(engine.snapshot({ one: pg.pgTable('users', { id }), other: pg.pgTable('users', { id }) }), {
    code: 'InvalidOption',
    message: /^The entities are wrong: .*duplicate table name "users"/,
  })
  await assert.rejects(engine.snapshot({ reader: pg.pgRole('reader'), known: pg.pgRole('known').existing() }), {
    code: 'InvalidOption',
    message: /^The entities are wrong: they make the role reader, and roles belong to the server/,
  })
  await engine.snapshot({ known: pg.pgRole('known').existing() })
  const { users: one } = named
  assert.deepEqual(await questions({}, { one, alias: one, text: 'no entity' }), [])
})
