import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { summarize } from '../src/observe/summary.ts'

const summaries: readonly (readonly [text: string, summary: string])[] = [
  ['select * from users where id = $1', 'SELECT users'],
  ['select "u"."id" from "public"."users" as "u" where u.name = $1', 'SELECT users'],
  ['select 1', 'SELECT'],
  ['SELECT a.x FROM a JOIN b ON a.id = b.id LEFT JOIN only c USING (id)', 'SELECT a b c'],
  ['insert into orders (id, note) values ($1, $2) on conflict do update set id = 1', 'INSERT orders'],
  ['insert into orders select * from carts', 'INSERT orders SELECT carts'],
  ['update shop.orders set total = 3', 'UPDATE orders'],
  ['delete from orders using users where true returning *', 'DELETE orders users'],
  ['with late as (select * from orders) select * from late for update', 'SELECT orders SELECT late'],
  [
    'insert into "users" ("name") select "name" from json_populate_recordset(null::"users", $1) returning *',
    'INSERT users',
  ],
  [
    'update "users" set ("name") = (select "name" from json_populate_record(null::"users", $1)) where id = $2',
    'UPDATE users',
  ],
  ['select * from search_users($1)', 'SELECT search_users'],
  ['select (select 1), now()', 'SELECT'],
  ['select * from "USERS"', 'SELECT USERS'],
  ['select extract(year from made), trim(both from note) from orders', 'SELECT orders'],
  ['select * from (select * from users) as u where a is distinct from b', 'SELECT users'],
  ['merge into stock using orders on true when matched then update set a = 1', 'MERGE stock orders'],
  ['create table if not exists shop.users (id int)', 'CREATE TABLE users'],
  ['drop index concurrently users_name', 'DROP INDEX users_name'],
  ['truncate table users', 'TRUNCATE users'],
  ['listen jobs', 'LISTEN'],
  ["set local role = 'secret'", 'SET'],
  ['/* from hidden */ select -- from hidden\n * from users', 'SELECT users'],
  ['', 'OTHER'],
  ['hunter2 from users', 'OTHER'],
]

for (const [text, summary] of summaries)
  test(`"${text}" is summed up as ${summary}`, () => assert.equal(summarize(text), summary))

const literals = [
  "'canary'",
  "'it''s from canary'",
  "E'\\' from canary'",
  '$$ from canary $$',
  '$q$ from canary $q$',
  '$é$ from canary $é$',
  '1 /* a /* b */ from canary */',
  "'O'canary from canary",
  "'from canary",
]
for (const literal of literals) {
  test(`a summary holds nothing of the literal ${literal}`, () => {
    assert.equal(summarize(`select * from users where name = ${literal}`), 'SELECT users')
    assert.doesNotMatch(summarize(`select ${literal} from users`), /canary/)
    assert.doesNotMatch(summarize(`select * from ${literal}`), /canary/)
  })
}

test('whatever the text, a summary is short and found in a time that grows with the text', () => {
  const pieces = fc.constantFrom(
    'select',
    'from',
    'with',
    '(',
    ')',
    "'",
    '"',
    '$$',
    '.',
    ',',
    '--',
    '/*',
    'x',
    ' ',
    '\n',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 200 }), (parts) => {
      const summary = summarize(parts.join(''))
      assert.ok(summary.length > 0 && summary.length <= 255)
    }),
  )
})

test('a value between single quotes reaches no summary, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const text = `insert into users (name) values ('${value.replaceAll("'", "''")}') returning id`
      assert.equal(summarize(text), 'INSERT users')
    }),
  )
})
