import assert from 'node:assert/strict'
import { readdirSync, readFileSync, renameSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'drizzle-orm'
import * as pg from 'drizzle-orm/pg-core'
import { type Generated, generateMigration, type GenerateOptions } from '../src/migrate.ts'
import { testServer } from './support/database.ts'
import { addFiles, migrationFolder } from './support/migrations.ts'

const { url: scratch } = await testServer()
const id = pg.integer().primaryKey().generatedAlwaysAsIdentity()
type Columns = Readonly<Record<string, pg.AnyPgColumnBuilder>>
type Entities = Readonly<Record<string, unknown>>

function table(name: string, columns: Columns): Entities {
  return { [name]: pg.pgTable(name, { id, ...columns }) }
}

/** A folder that already has what the entities say. */
async function historyOf(entities: Entities): Promise<string> {
  const folder = migrationFolder({})
  assert.equal((await generate(folder, entities)).kind, 'written')
  return folder
}

function generate(folder: string, entities: Entities, more: Partial<GenerateOptions> = {}): Promise<Generated> {
  return generateMigration({ folder, name: 'next', entities, scratch, ...more })
}

function fileOf(folder: string, file: string): string {
  return readFileSync(join(folder, readdirSync(folder).sort().at(-1) ?? '', file), 'utf8')
}

const users = table('users', { name: pg.varchar({ length: 120 }) })

test('the first migration makes what the entities say, its down removes it, and then there is nothing to do', async () => {
  const folder = await historyOf(users)
  assert.deepEqual(readdirSync(join(folder, '0001_next')).sort(), ['down.sql', 'snapshot.json', 'up.sql'])
  assert.match(fileOf(folder, 'up.sql'), /^CREATE TABLE "users"/)
  assert.equal(fileOf(folder, 'down.sql'), '-- Deletes the rows of users.\nDROP TABLE "users";\n')
  assert.deepEqual(await generate(folder, users), { kind: 'unchanged' })
  assert.deepEqual(readdirSync(folder), ['0001_next'])
})

test('a longer text is neither cast nor rewritten, and a shorter one refuses what is too long', async () => {
  const folder = await historyOf(users)
  await generate(folder, table('users', { name: pg.varchar({ length: 200 }) }))
  const type = 'ALTER TABLE "users" ALTER COLUMN "name" SET DATA TYPE'
  assert.equal(fileOf(folder, 'up.sql'), `-- squawk-ignore changing-column-type\n${type} varchar(200);\n`)
  assert.match(
    fileOf(folder, 'down.sql'),
    /^-- Fails on a value of users\.name that does not fit varchar\(120\)\.\n-- Rewrites users: .*\n.* varchar\(120\);\n$/,
  )
})

test('a type without a conversion is cast with a note, and one without a cast is a question, both ways', async () => {
  const folder = await historyOf(users)
  await generate(folder, table('users', { name: pg.integer() }))
  assert.match(
    fileOf(folder, 'up.sql'),
    /^-- Fails on a value of users.name that is no integer.\n.*\n.* USING "name"::integer;\n$/,
  )
  const flags = await historyOf(table('users', { flag: pg.boolean() }))
  const toUuid = table('users', { flag: pg.uuid() })
  const asked = {
    kind: 'questions',
    questions: [{ object: 'value', direction: 'up', column: 'users.flag', type: 'uuid' }],
  }
  assert.deepEqual(await generate(flags, toUuid), asked)
  const using = { 'users.flag': 'gen_random_uuid()' }
  const back = { object: 'value', direction: 'down', column: 'users.flag', type: 'boolean' }
  assert.deepEqual(await generate(flags, toUuid, { using }), { kind: 'questions', questions: [back] })
  await generate(flags, toUuid, { using, usingDown: { 'users.flag': 'true' } })
  assert.match(fileOf(flags, 'up.sql'), /SET DATA TYPE uuid USING \(gen_random_uuid\(\)\);\n$/)
  assert.match(fileOf(flags, 'down.sql'), /SET DATA TYPE boolean USING \(true\);\n$/)
})

test('a required column is filled by the SQL that is given, and without it the file says that rows stop it', async () => {
  const required = table('users', { name: pg.varchar({ length: 120 }), age: pg.integer().notNull() })
  const noted = await historyOf(users)
  await generate(noted, required)
  assert.match(fileOf(noted, 'up.sql'), /^-- Fails while users holds rows: give users\.age a default/)
  const filled = await historyOf(users)
  await generate(filled, required, { using: { 'users.age': '0' } })
  const [add, fill, require] = fileOf(filled, 'up.sql').split('\n\n')
  assert.equal(add, 'ALTER TABLE "users" ADD COLUMN "age" integer;')
  assert.equal(fill, 'UPDATE "users" SET "age" = (0);')
  assert.equal(require, 'ALTER TABLE "users" ALTER COLUMN "age" SET NOT NULL;\n')
  await assert.rejects(generate(filled, users, { drops: ['users.age'], using: { 'users.ag': '0' } }), {
    code: 'InvalidOption',
    message: /users\.ag needs no value/,
  })
})

test('a value is taken for a column whose default holds line breaks and the words NOT NULL', async () => {
  const folder = await historyOf(users)
  const about = pg.text().notNull().default('first\nis NOT NULL, "second"')
  const noted = await generate(folder, table('users', { name: pg.varchar({ length: 120 }), about }), {
    using: { 'users.about': `'old'` },
  })
  assert.equal(noted.kind, 'written')
  assert.match(fileOf(folder, 'up.sql'), /DEFAULT 'first\nis NOT NULL, "second"' NOT NULL;\n\nUPDATE "users"/)
})

test('the way back to an identity says that its numbers begin anew', async () => {
  const folder = await historyOf(table('users', { number: pg.integer().generatedByDefaultAsIdentity() }))
  await generate(folder, table('users', { number: pg.integer().notNull() }))
  assert.match(
    fileOf(folder, 'down.sql'),
    /-- Numbers from its START again[^\n]*\n(?:--[^\n]*\n)*ALTER TABLE "users" ALTER COLUMN "number" ADD/,
  )
})

test('an array of an enum that is made anew goes by way of text, which takes all values', async () => {
  const moods = (...values: [string, ...string[]]): Entities => {
    const mood = pg.pgEnum('mood', values)
    return { mood, users: pg.pgTable('users', { id, moods: mood().array() }) }
  }
  const folder = await historyOf(moods('sad', 'ok'))
  await generate(folder, moods('ok'))
  assert.match(fileOf(folder, 'up.sql'), /SET DATA TYPE text\[\]/)
  assert.doesNotMatch(fileOf(folder, 'up.sql'), /does not fit text/)
})

test('a renamed table takes the derived names of its key and indexes along, and gives them back', async () => {
  const unique = { name: pg.text().unique() }
  const folder = await historyOf(table('users', unique))
  const result = await generate(folder, table('people', unique), { renames: [{ from: 'users', to: 'people' }] })
  assert.equal(result.kind, 'written')
  assert.match(fileOf(folder, 'up.sql'), /RENAME CONSTRAINT users_name_key TO people_name_key;/)
  assert.match(fileOf(folder, 'down.sql'), /RENAME CONSTRAINT people_pkey TO users_pkey;[^]*RENAME TO "users";\n$/)
  await generate(folder, table('people', { name: pg.text() }))
  assert.match(fileOf(folder, 'up.sql'), /DROP CONSTRAINT "people_name_key";/)
})

test('a view, a constraint or an index that is dropped is told, and one that is made anew is not', async () => {
  const users = pg.pgTable('users', { id, name: pg.text().unique() }, (t) => [pg.uniqueIndex('names').on(t.name)])
  const audit = pg.pgSchema('audit')
  const folder = await historyOf({
    users,
    audit,
    ids: pg.pgView('ids').as((q) => q.select({ id: users.id }).from(users)),
    kept: pg.pgView('kept').as((q) => q.select({ id: users.id }).from(users)),
    counted: audit.materializedView('counted').as((q) => q.select({ id: users.id }).from(users)),
  })
  const plain = pg.pgTable('users', { id, name: pg.text() })
  const kept = pg.pgView('kept').as((q) => q.select({ name: plain.name }).from(plain))
  const result = await generate(folder, { plain, audit, kept })
  assert.deepEqual(result.kind === 'written' && result.migrations[0]?.notes.toSorted(), [
    'Drops constraint users_name_key of users.',
    'Drops index names.',
    'Drops materialized view audit.counted.',
    'Drops view ids.',
  ])
  assert.match(fileOf(folder, 'up.sql'), /-- Drops view ids\.\nDROP VIEW "ids";/)
})

test('a name that no migration can have is refused before anything is asked', async () => {
  const folder = await historyOf(users)
  const changed = table('users', {})
  await assert.rejects(generate(folder, changed, { name: 'Bad Name' }), {
    code: 'InvalidMigration',
    message: /0002_Bad Name is not named like a migration/,
  })
  assert.deepEqual(readdirSync(folder), ['0001_next'])
})

test('an index that is built concurrently comes in a migration of its own, without a transaction', async () => {
  const folder = await historyOf(users)
  const indexed = pg.pgTable('users', { id, name: pg.varchar({ length: 120 }), age: pg.integer() }, (t) => [
    pg.index('ages').on(t.age).concurrently(),
  ])
  await generate(folder, { indexed })
  assert.deepEqual(readdirSync(folder).sort(), ['0001_next', '0002_next', '0003_next_indexes'])
  assert.equal(
    fileOf(folder, 'up.sql'),
    '-- plinth: no-transaction\n\nCREATE INDEX CONCURRENTLY "ages" ON "users" ("age");\n',
  )
  assert.equal(fileOf(folder, 'down.sql'), '-- plinth: no-transaction\n\nDROP INDEX CONCURRENTLY "ages";\n')
  assert.deepEqual(await generate(folder, { indexed }), { kind: 'unchanged' })
})

test('what migrations by hand made is recorded in the snapshot, and is no business of the next one', async () => {
  const folder = migrationFolder({
    '0001_baseline/up.sql': `create table users (id int generated always as identity primary key, name varchar(120));
      create function shout(text) returns text language sql as 'select upper($1)';
      create index by_hand on users (shout(name));`,
  })
  addFiles(folder, {
    '0001_baseline/up.sql': readFileSync(join(folder, '0001_baseline/up.sql'), 'utf8').replace(
      'text language sql',
      'text immutable language sql',
    ),
  })
  assert.deepEqual(await generate(folder, users), { kind: 'recorded', id: '0001_baseline' })
  assert.deepEqual(readdirSync(join(folder, '0001_baseline')).sort(), ['snapshot.json', 'up.sql'])
  const people = table('people', { fullName: pg.varchar('full_name', { length: 120 }) })
  const renames = [
    { from: 'users', to: 'people' },
    { from: 'people.name', to: 'people.full_name' },
  ]
  assert.equal((await generate(folder, people, { renames })).kind, 'written')
})

test('what PostgreSQL does not do in one transaction is an error that says how, and nothing is written', async () => {
  const mood = (values: [string, ...string[]]): Entities => {
    const mood = pg.pgEnum('mood', values)
    return { mood, users: pg.pgTable('users', { id, mood: mood().default(values.at(-1) ?? '') }) }
  }
  const folder = await historyOf(mood(['sad']))
  await assert.rejects(generate(folder, mood(['sad', 'ok'])), {
    code: 'InvalidMigration',
    hint: /a migration with the value alone/,
  })
  assert.deepEqual(readdirSync(folder), ['0001_next'])
})

test('a migration that does not lead to the entities is refuted with what differs, and nothing is written', async () => {
  // What stands by hand in the first one makes the second end elsewhere.
  const folder = await historyOf(users)
  addFiles(folder, { '0001_next/up.sql': `${fileOf(folder, 'up.sql')}alter table users alter name set default 'x';` })
  const result = await generate(folder, table('users', { name: pg.varchar({ length: 200 }) }))
  assert.deepEqual(result, {
    kind: 'refuted',
    id: '0002_next',
    direction: 'up',
    differences: [
      {
        kind: 'column',
        name: 'users.name',
        expected: 'character varying(200)',
        found: "character varying(200) default 'x'::character varying",
      },
    ],
  })
  assert.deepEqual(readdirSync(folder), ['0001_next'])
})

test('an enum that gains a value loses it on the way back, unless a row holds it', async () => {
  const mood = (...values: [string, ...string[]]): Entities => {
    const mood = pg.pgEnum('mood', values)
    return { mood, users: pg.pgTable('users', { id, mood: mood().default('sad') }) }
  }
  const folder = await historyOf(mood('sad'))
  await generate(folder, mood('sad', 'ok'))
  assert.equal(fileOf(folder, 'up.sql'), `ALTER TYPE "mood" ADD VALUE 'ok';\n`)
  assert.match(fileOf(folder, 'down.sql'), /-- An enum cannot lose a value: it is made anew/)
})

test('a change of type notes what can fail and what depends on who runs it, and takes a default along', async () => {
  const from = { count: pg.integer().default(1), big: pg.integer(), at: pg.timestamp() }
  const folder = await historyOf(table('users', from))
  const to = {
    count: pg.text().default('one'),
    big: pg.bigint({ mode: 'number' }),
    at: pg.timestamp({ withTimezone: true }),
  }
  await generate(folder, table('users', to))
  const rewrites = '-- Rewrites users: nobody can read or write it meanwhile.'
  const type = (column: string, name: string): string =>
    `ALTER TABLE "users" ALTER COLUMN "${column}" SET DATA TYPE ${name}`
  const [count, setCount, big, at] = fileOf(folder, 'up.sql').split('\n\n')
  assert.deepEqual(
    [count, setCount],
    [`${rewrites}\n${type('count', 'text')};`, `ALTER TABLE "users" ALTER COLUMN "count" SET DEFAULT 'one';`],
  )
  assert.equal(big, `${rewrites}\n${type('big', 'bigint')};`)
  assert.match(at ?? '', /^-- Reads or writes each value as a time of the TimeZone/)
  const [drop, back] = fileOf(folder, 'down.sql').split('\n\n')
  assert.equal(drop, 'ALTER TABLE "users" ALTER COLUMN "count" DROP DEFAULT;')
  assert.match(back ?? '', /^-- Fails on a value of users.count that is no integer\.\n/)
})

test('on an embedded server of its own the roles are made that migrations and entities name', async () => {
  const folder = migrationFolder({
    '0001_rights/up.sql': 'create table notes (id int); grant select on notes to reader;',
  })
  const owned = pg.pgTable('users', { id, owner: pg.text() }, () => [
    pg.pgPolicy('own', { for: 'select', to: 'writer', using: sql`owner = current_user` }),
  ])
  const result = await generateMigration({ folder, name: 'next', entities: { owned } })
  assert.equal(result.kind, 'written')
  assert.match(fileOf(folder, 'up.sql'), /CREATE POLICY "own" ON "users" .* TO "writer"/)
})

test('what PostgreSQL refuses of the entities is told with the statement', async () => {
  const wrong = pg.pgTable('users', { id, name: pg.text() }, (t) => [pg.check('named', sql`${t.name} > 1`)])
  await assert.rejects(generate(migrationFolder({}), { wrong }), {
    code: 'InvalidMigration',
    message:
      /^PostgreSQL refuses what drizzle-kit makes of the entities: operator does not exist: text > integer\. In: CREATE TABLE/,
  })
})

test('two branches that each generated are joined by giving one the next number: the snapshot is brought up to date', async () => {
  const folder = await historyOf(users)
  const [name, age, email] = [pg.varchar({ length: 120 }), pg.integer(), pg.text()]
  await generate(folder, table('users', { name, age }), { name: 'age' })
  renameSync(join(folder, '0002_age'), join(folder, '.kept'))
  await generate(folder, table('users', { name, email }), { name: 'email' })
  renameSync(join(folder, '0002_email'), join(folder, '0003_email'))
  renameSync(join(folder, '.kept'), join(folder, '0002_age'))
  const both = table('users', { name, age, email })
  const snapshot = join(folder, '0003_email/snapshot.json')
  const former = readFileSync(snapshot, 'utf8')
  await using reader = await open(snapshot)
  assert.deepEqual(await generate(folder, both), { kind: 'recorded', id: '0003_email' })
  assert.equal(await reader.readFile('utf8'), former, 'who was reading it is left with the whole former one')
  assert.notEqual(readFileSync(snapshot, 'utf8'), former)
  assert.deepEqual(readdirSync(join(folder, '0003_email')).sort(), ['down.sql', 'snapshot.json', 'up.sql'])
  assert.deepEqual(await generate(folder, both), { kind: 'unchanged' })
})

test('a default or a check that would keep casts of the former type is said again, and a serial has its own type', async () => {
  const checked = (a: pg.AnyPgColumnBuilder, b: pg.AnyPgColumnBuilder): Entities => ({
    users: pg.pgTable('users', { id, a, b }, (t) => [pg.check('many', sql`${t.b} > 1`)]),
  })
  const folder = await historyOf(checked(pg.text().default('x'), pg.integer()))
  await generate(folder, checked(pg.varchar({ length: 9 }).default('x'), pg.numeric({ precision: 9 })))
  assert.match(fileOf(folder, 'up.sql'), /SET DEFAULT 'x'::character varying;\n$/)
  assert.match(fileOf(folder, 'down.sql'), /ADD CONSTRAINT many CHECK \(\(b > 1\)\);\n$/)
  const counted = await historyOf(table('users', { a: pg.integer() }))
  await generate(counted, table('users', { a: pg.serial() }))
  assert.match(fileOf(counted, 'up.sql'), /ALTER SEQUENCE public\.users_a_seq AS integer;\n$/)
})

test('a module without tables is an error, and an aborted one leaves no file', async () => {
  const folder = migrationFolder({})
  await assert.rejects(generate(folder, { schema: { users } }), {
    code: 'InvalidOption',
    message: /exported are: schema\.$/,
  })
  const signal = AbortSignal.abort(new RangeError('enough'))
  await assert.rejects(generate(folder, users, { signal }), { code: 'Cancelled', cause: signal.reason })
  assert.deepEqual(readdirSync(folder), [])
})
