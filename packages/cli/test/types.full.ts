import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTestDatabase, type TestDatabase } from 'plinth/testing'
import { chinookFile, withoutChinook } from './support/chinook.ts'
import { plinth, temporaryFolder } from './support/command.ts'

// What the command writes is compiled against the real libraries, together with a program that uses it, and then the
// program is run: the values must be what the types say.

const script = `
  create type mood as enum ('calm', 'it''s "loud"');
  create domain positive as int check (value > 0);
  create domain cents as int;
  create function euros(cents) returns json language sql immutable as 'select to_json(($1 / 100.0)::text)';
  create cast (cents as json) with function euros(cents) as implicit;
  create table priced (id int primary key, price cents not null);
  insert into priced values (1, 350);
  create schema blog;
  create table person (id bigint generated always as identity primary key, mail text not null unique, mood mood);
  create table passport (person bigint primary key references person, number text not null);
  create table blog."my post" (id int primary key default 7, author bigint not null references person, "a-b" text);
  create table every_type (
    id serial primary key, b boolean not null, i2 smallint not null, i8 bigint not null, n numeric(10, 2) not null,
    f double precision not null, bytes bytea not null, j jsonb not null, d date not null, at timestamptz not null,
    p positive not null, u uuid not null, texts text[] not null, ints int[] not null, moods mood[] not null,
    span interval not null, maybe timestamptz, made text generated always as ('x' || 'y') stored);
  create view loud as select id, mail from person where mood is not null;
  create table foo (id int);
  create table foo_row (a text);
  create table new_foo (b text);
  create table case_table (c int);
  create function double(number int) returns int language sql return number * 2;
  insert into person (mail, mood) values ('ada@example.org', 'calm');
  insert into passport values (1, 'P1');
  insert into blog."my post" (author) values (1);
  insert into every_type (b, i2, i8, n, f, bytes, j, d, at, p, u, texts, ints, moods, span) values
    (true, 1, 9007199254740993, 1.50, 0.5, '\\x01', '{"a":1}', '2026-01-02', '2026-01-02 03:04:05+00', 1,
      '00000000-0000-0000-0000-000000000001', '{a}', '{1}', '{calm}', '1 day');`

// Every word that may not name a constant of a module.
const reserved =
  `arguments await break case catch class const continue debugger default delete do else enum eval export exports
  extends false finally for function globalThis if implements import in instanceof interface let new null package private
  protected public require return static super switch table this throw true try typeof undefined var void while with
  yield`.split(/\s+/)

const folder = temporaryFolder()
const config = fileURLToPath(new URL('../../../tsconfig.json', import.meta.url))
let database: TestDatabase

before(async () => {
  const tables = reserved.map((word) => `create table "${word}" (class int);`).join('\n')
  const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
  database = await createTestDatabase({ server, script: `${script}\n${tables}` })
  symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const include = { extends: config, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(include))
})
after(() => database.drop())

async function write(library: string): Promise<void> {
  const args = ['types', '--for', library, '--schema', 'public,blog', '--out', `${library}.ts`, '--url', database.url]
  const { code, stderr } = await plinth(args, { cwd: folder }).ended
  assert.equal(code, 0, stderr)
}

function compile(): string {
  const tsc = join(folder, 'node_modules/.bin/tsc')
  const { stdout, stderr } = spawnSync(tsc, ['--noEmit', '-p', folder], { encoding: 'utf8', cwd: folder })
  return stdout + stderr
}

function runProgram(file: string, url = database.url): void {
  const { status, stderr } = spawnSync(process.execPath, ['--conditions=plinth-dev', file, url], {
    encoding: 'utf8',
    cwd: folder,
  })
  assert.equal(status, 0, stderr)
}

const checks = `
assert.equal(row.b, true)
const i2: number = row.i2
const bytes: Uint8Array = row.bytes
const at: Date = row.at
const p: number = row.p
const texts: string[] = [...row.texts]
const ints: number[] = [...row.ints]
const moods: string = row.moods
const maybe: Date | null = row.maybe
const i8: string = row.i8
const n: string = row.n
const made: string | null = row.made
assert.deepEqual([i2, bytes[0], at.toISOString(), p, texts, ints, moods, maybe], [1, 1, '2026-01-02T03:04:05.000Z', 1, ['a'], [1], '{calm}', null])
assert.deepEqual([i8, n, made], ['9007199254740993', '1.50', 'xy'])`

const programs: Readonly<Record<string, readonly [program: string, wrong: string]>> = {
  table: [
    `import assert from 'node:assert/strict'
import { createDatabase } from 'plinth'
import { blogMyPost, caseTable, caseTable2, defaultTable, everyType, fooRow, loud, newFoo2, passport, person } from './table.ts'

await using db = createDatabase({ url: process.argv[2] ?? '' })
const [ada] = await db.run(person.find({ mail: 'ada@example.org' }))
const mood: 'calm' | 'it\\'s "loud"' | null | undefined = ada?.mood
assert.equal(mood, 'calm')
const added = await db.run(person.insert({ mail: 'new' }))
const id: string = added.id
assert.equal(id, '2')
assert.equal((await db.run(passport.get({ person: 1 as unknown as string }))).number, 'P1')
assert.equal((await db.run(blogMyPost.get(7)))['a-b'], null)
assert.deepEqual(await db.run(defaultTable.find()), [])
await db.run(caseTable.insert({ class: 1 }))
await db.run(caseTable2.insert({ c: 1 }))
await db.run(fooRow.insert({ a: 'a' }))
const foos: readonly (string | null)[] = (await db.run(newFoo2.find())).map(({ b }) => b)
assert.deepEqual(foos, [])
assert.equal((await db.run(loud.find()))[0]?.mail, 'ada@example.org')
const row = await db.run(everyType.get(1))
const day: string = row.d
const span: string = row.span
assert.deepEqual([day, span], ['2026-01-02', '1 day'])
${checks}
`,
    `import { person } from './table.ts'
person.insert({ id: '3', mail: 'x' })
person.insert({ mood: 'calm' })
person.insert({ mail: 'x', mood: 'angry' })
`,
  ],
  kysely: [
    `import assert from 'node:assert/strict'
import { Kysely, PostgresDialect } from 'kysely'
import { createDatabase } from 'plinth'
import type { DB } from './kysely.ts'

await using plinth = createDatabase({ url: process.argv[2] ?? '' })
const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool: plinth.pgPool() }) })
const added = await db.insertInto('person').values({ mail: 'kysely' }).returning(['id', 'mood']).executeTakeFirstOrThrow()
const id: string = added.id
const mood: 'calm' | 'it\\'s "loud"' | null = added.mood
assert.deepEqual([typeof id, mood], ['string', null])
const post = await db.selectFrom('blog.my post').selectAll().executeTakeFirstOrThrow()
assert.equal(post['a-b'], null)
const row = await db.selectFrom('every_type').selectAll().executeTakeFirstOrThrow()
const day: Date = row.d
const days: number | undefined = row.span.days
assert.deepEqual([day.getFullYear(), days], [2026, 1])
await db.updateTable('every_type').set({ at: '2026-01-02T03:04:05Z', i8: 9007199254740993n, j: '{"a":1}' }).execute()
${checks}
`,
    `import { Kysely, PostgresDialect } from 'kysely'
import { createDatabase } from 'plinth'
import type { DB } from './kysely.ts'
const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool: createDatabase({ url: '' }).pgPool() }) })
db.insertInto('person').values({ id: '3', mail: 'x' })
db.insertInto('person').values({ mood: 'calm' })
db.updateTable('every_type').set({ made: 'z' })
`,
  ],
  'postgrest-js': [
    `import assert from 'node:assert/strict'
import { createHub } from '@plinth/hub'
import { PostgrestClient } from '@supabase/postgrest-js'
import { createDatabase } from 'plinth'
import type { Database, Json } from './postgrest-js.ts'

await using database = createDatabase({ url: process.argv[2] ?? '' })
await using hub = createHub({ database, schemas: ['public', 'blog'], runKey: 'key' })
const client = new PostgrestClient<Database>('http://hub', {
  headers: { authorization: 'Bearer key' },
  fetch: (input, init) => hub.handle(new Request(input, init)),
})
// One to one: an object and not a list.
const { data: holders } = await client.from('person').select('passport(number)').order('id').limit(1)
assert.equal(holders?.[0]?.passport?.number.toUpperCase(), 'P1')
const { data: people, error } = await client.from('person').select('mail, mood').order('id').limit(1)
assert.equal(error, null)
const mood: 'calm' | 'it\\'s "loud"' | null | undefined = people?.[0]?.mood
assert.equal(mood, 'calm')
const { data: row } = await client.from('every_type').select().single()
assert.ok(row)
const [n, i2, at, moods, j]: [number, number, string, string[], Json] = [row.n, row.i2, row.at, row.moods, row.j]
assert.deepEqual([n, i2, typeof at, moods, j], [1.5, 1, 'string', ['calm'], { a: 1 }])
const { data: made } = await client.from('person').insert({ mail: 'rest' }).select('id').single()
const id: number | undefined = made?.id
assert.equal(typeof id, 'number')
const { data: doubled } = await client.rpc('double', { number: 4 })
const twice: number | null = doubled
assert.equal(twice, 8)
// Read as its function makes it, written as the type is, which no function reads.
const { data: priced } = await client.from('priced').insert({ id: 2, price: 50 }).select('price').single()
const price: Json | undefined = priced?.price
assert.equal(price, '0.50000000000000000000')
const { data: posts } = await client.schema('blog').from('my post').select('id, author').limit(1)
const author: number | undefined = posts?.[0]?.author
assert.equal(author, 1)
`,
    `import { PostgrestClient } from '@supabase/postgrest-js'
import type { Database } from './postgrest-js.ts'
const client = new PostgrestClient<Database>('http://hub')
client.from('person').insert({ mood: 'calm' })
client.from('person').insert({ mail: 'x', mood: 'angry' })
client.from('every_type').update({ made: 'z' })
`,
  ],
}

for (const [library, [program, wrong]] of Object.entries(programs)) {
  test(`types for ${library} compile, hold what comes from the database, and refuse what does not fit`, async () => {
    await write(library)
    writeFileSync(join(folder, 'program.ts'), program)
    assert.equal(compile(), '', readFileSync(join(folder, `${library}.ts`), 'utf8'))
    runProgram('program.ts')
    writeFileSync(join(folder, 'program.ts'), wrong)
    // One line of each of the three is wrong.
    assert.equal(compile().match(/^program\.ts\(/gm)?.length, 3, compile())
    writeFileSync(join(folder, 'program.ts'), '')
  })
}

// The types are a promise about JSON: each table is read by their own client, and each value looked at.
const chinookProgram = `import assert from 'node:assert/strict'
import { createHub } from '@plinth/hub'
import { PostgrestClient } from '@supabase/postgrest-js'
import { createDatabase } from 'plinth'
import type { Database } from './chinook.ts'

type Tables = Database['public']['Tables']
type Name = keyof Tables

await using database = createDatabase({ url: process.argv[2] ?? '' })
await using hub = createHub({ database, runKey: 'key' })
const client = new PostgrestClient<Database>('http://hub', {
  headers: { authorization: 'Bearer key' },
  fetch: (input, init) => hub.handle(new Request(input, init)),
})
const kinds: { readonly [T in Name]: { readonly [C in keyof Tables[T]['Row']]: readonly string[] } } = KINDS
for (const name of Object.keys(kinds) as Name[]) {
  const { data, error } = await client.from(name).select()
  assert.equal(error, null)
  assert.ok(data && data.length > 0, name)
  for (const row of data as readonly Record<string, unknown>[])
    assert.deepEqual(
      Object.entries(row).filter(([column, value]) => {
        const known = (kinds[name] as Record<string, readonly string[]>)[column]
        return !known?.includes(value === null ? 'null' : typeof value)
      }),
      [],
      name,
    )
  assert.deepEqual(Object.keys(data[0] ?? {}), Object.keys(kinds[name]))
}
const { data: albums } = await client
  .from('album')
  .select('title, artist(name), track(name, milliseconds, genre(name))')
  .eq('album_id', 1)
  .single()
assert.ok(albums)
const artist: string | null = albums.artist.name
const lengths: number[] = albums.track.map(({ milliseconds }) => milliseconds)
const genres: (string | null | undefined)[] = albums.track.map(({ genre }) => genre?.name)
assert.deepEqual([artist, lengths.length, new Set(genres)], ['AC/DC', 10, new Set(['Rock'])])
const made: Tables['artist']['Insert'] = { name: 'New' }
const { data: added } = await client.from('artist').insert(made).select('artist_id').single()
const id: number | undefined = added?.artist_id
assert.equal(typeof id, 'number')
`

/** What the file says of each value: `name: string | null` is a list of what `typeof` may say. */
function kindsOf(types: string): string {
  const rows = [...types.matchAll(/^ {6}(\w+): \{\n {8}Row: \{\n([\s\S]*?)^ {8}\}$/gm)]
  const tables = rows.map(([, name = '', block = '']) => {
    const columns = [...block.matchAll(/^ {10}(\w+): (.*)$/gm)].map(([, column = '', type = '']) => [
      column,
      type.split(' | '),
    ])
    return [name, Object.fromEntries(columns)] as const
  })
  return JSON.stringify(Object.fromEntries(tables))
}

test('what the hub answers of Chinook is what its types for postgrest-js say', {
  skip: withoutChinook,
}, async () => {
  const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
  await using shop = await createTestDatabase({ server, script: readFileSync(chinookFile ?? '', 'utf8') })
  const args = ['types', '--for', 'postgrest-js', '--out', 'chinook.ts', '--url', shop.url]
  const { code, stderr } = await plinth(args, { cwd: folder }).ended
  assert.equal(code, 0, stderr)
  const kinds = kindsOf(readFileSync(join(folder, 'chinook.ts'), 'utf8'))
  assert.equal(Object.keys(JSON.parse(kinds)).length, 11)
  writeFileSync(join(folder, 'program.ts'), chinookProgram.replace('KINDS', kinds))
  assert.equal(compile(), '')
  runProgram('program.ts', shop.url)
  writeFileSync(
    join(folder, 'program.ts'),
    `import type { Database } from './chinook.ts'
const wrong: Database['public']['Tables']['album']['Row'] = { album_id: '1', title: 'a', artist_id: 1 }
`,
  )
  assert.match(compile(), /^program\.ts\(2,/)
  writeFileSync(join(folder, 'program.ts'), '')
})

test('--check tells by exit code 3 that the database has changed, and the same database gives the same text', async () => {
  const check = ['types', '--out', 'table.ts', '--check', '--url', database.url, '--schema', 'public,blog']
  assert.equal((await plinth(check, { cwd: folder }).ended).code, 0)
  writeFileSync(join(folder, 'table.ts'), '')
  const changed = await plinth(check, { cwd: folder }).ended
  assert.deepEqual([changed.code, changed.stderr], [3, ''])
  assert.equal(readFileSync(join(folder, 'table.ts'), 'utf8'), '')
  const there = await plinth(['types', '--out', 'new/folder/table.ts', '--url', database.url], { cwd: folder }).ended
  assert.deepEqual([there.code, there.stdout], [0, 'Wrote new/folder/table.ts.\n'])
  const none = await plinth(['types', '--out', 'new', '--url', database.url], { cwd: folder }).ended
  assert.match(none.stderr, /^plinth: --out new cannot be written: EISDIR/)
  assert.equal(none.code, 2)
  const wrong = await plinth(['types', '--for', 'prisma', '--url', database.url], { cwd: folder }).ended
  assert.deepEqual([wrong.code, wrong.stderr.includes('--for is prisma; it must be table, kysely')], [2, true])
})
