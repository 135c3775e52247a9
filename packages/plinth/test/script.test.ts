import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createDatabase, type Database, isPlinthError } from '../src/index.ts'
import { createTestDatabase, type TestDatabase } from '../src/testing.ts'
import { runScript } from '../src/migrate.ts'
import { readScript } from '../src/sql/script.ts'

function pieces(script: string): [line: number, text: string][] {
  return [...readScript(script)].map(({ line, text }) => [line, text])
}

test('a script is cut at its semicolons and nowhere else', () => {
  const script = `-- a comment; with one
create table a (t text default ';'); /* ; /* nested ; */ ; */
insert into a values ('it''s;'), (E'\\';'), ($$;$$), ($x$;$$;$x$), (U&'d\\0061;');;
create function f() returns int language sql begin atomic select case when true then 1 end; end;
create rule r as on insert to a do also (select 1; select 2);
select 1 as "semi;colon", 'a\\';
select 2`
  assert.deepEqual(pieces(script), [
    [2, `create table a (t text default ';')`],
    [3, `insert into a values ('it''s;'), (E'\\';'), ($$;$$), ($x$;$$;$x$), (U&'d\\0061;')`],
    [4, 'create function f() returns int language sql begin atomic select case when true then 1 end; end'],
    [5, 'create rule r as on insert to a do also (select 1; select 2)'],
    [6, `select 1 as "semi;colon", 'a\\'`],
    [7, 'select 2'],
  ])
})

test('the rows of a COPY and the commands of psql are pieces of their own', () => {
  const script = 'copy t (a) from stdin;\n1;\n\\N\n\\.\n\\connect other\nselect 1;\n'
  assert.deepEqual(
    [...readScript(script)],
    [
      { kind: 'copy', line: 1, text: 'copy t (a) from stdin', rows: ['1;', '\\N'] },
      { kind: 'psql', line: 5, text: '\\connect other' },
      { kind: 'statement', line: 6, text: 'select 1' },
    ],
  )
})

for (const [what, script, message] of [
  ['quote', `select 1;\nselect 'x`, "line 2: A ' in this statement has no end."],
  ['dollar quote', `\nselect $a$ x $b$`, 'line 2: The quote $a$ has no end.'],
  ['comment', `select /* /* */ 1`, 'line 1: A comment has no end.'],
  ['COPY', `copy t from stdin;\n1\n`, 'line 1: The rows of this COPY are not ended by \\..'],
] as const) {
  test(`a ${what} without an end is refused with its line`, () => {
    assert.throws(() => pieces(script), { message })
  })
}

const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
let made: TestDatabase
let database: Database

before(async () => {
  made = await createTestDatabase({ server })
  database = createDatabase({ url: made.url, pool: { max: 1 } })
})
after(async () => {
  await database.close()
  await made.drop()
})

function load(script: string): Promise<readonly string[]> {
  return database.transaction((tx) => runScript(tx, 'dump.sql', script))
}

test('a file as pg_dump writes it is loaded, COPY blocks and identity columns included', async () => {
  const passed = await load(`\\restrict abc
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
BEGIN;
CREATE TABLE public.copied (id int GENERATED ALWAYS AS IDENTITY, t text, j jsonb, b bytea, l text[]);
COPY public.copied (id, t, j, b, l) FROM stdin;
1\ttab\\tnew\\nline \\\\ it's\t{"a": "\\\\"b"}\t\\\\x00ff\t{a,"b c"}
7\t\\N\tnull\t\\N\t{}
\\.
COMMIT;
\\unrestrict abc
`)
  assert.deepEqual(passed, ['line 1: \\restrict', 'line 11: \\unrestrict'])
  const { rows } = await database.query(`select id, t, j #>> '{a}' as a, b::text, l from public.copied order by id`)
  assert.deepEqual(rows, [
    { id: 1, t: "tab\tnew\nline \\ it's", a: '"b', b: '\\x00ff', l: ['a', 'b c'] },
    { id: 7, t: null, a: null, b: null, l: [] },
  ])
})

for (const [what, script, message] of [
  [
    'a wrong statement',
    'create table x (id int);\n\nselect * from nowhere',
    /^dump\.sql, line 3: .*nowhere.* does not exist/,
  ],
  [
    'a refused row',
    `create table x (id int primary key);\ninsert into x values (1), (1)`,
    /^dump\.sql, line 2: .*Key \(id\)=\(1\)/,
  ],
  [
    'a refused COPY row',
    'create table x (id int);\ncopy x from stdin;\n1\nb\n\\.\n',
    /^dump\.sql, lines 3 to 4: .*"b"/,
  ],
  [
    'a COPY with options',
    'create table x (id int);\ncopy x from stdin with csv;\n1\n\\.\n',
    /^dump\.sql, line 2: COPY with options/,
  ],
  [
    'a command of psql',
    'create table x (id int);\n\\connect y\n',
    /^dump\.sql, line 2: \\connect y is a command of psql/,
  ],
  ['a rollback', 'create table x (id int);\nrollback;', /^dump\.sql, line 2: ROLLBACK would break/],
  [
    'another encoding',
    "create table x (id int);\nset client_encoding = 'LATIN1';",
    /^dump\.sql, line 2: the file must be UTF-8/,
  ],
] as const) {
  test(`${what} is refused with its line, and nothing of the file stays`, async () => {
    await assert.rejects(load(script), (error) => isPlinthError(error) && message.test(error.message))
    const { rows } = await database.query(`select to_regclass('public.x') is null as gone`)
    assert.deepEqual(rows, [{ gone: true }])
  })
}
