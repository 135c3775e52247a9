import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database } from '../src/database/queryable.ts'
import { createDatabase } from '../src/index.ts'
import { findRelation, loadCatalog } from '../src/operation.ts'
import { testDatabase } from './support/database.ts'

const tables = 2_000
const functions = 1_000
const views = 300
/** Made in one transaction, as each table takes some locks until its end. */
const together = 100

/** 14 columns a table, and two references to tables made before it. */
const makeTables = `do $$ begin for i in $first..$last loop
  execute format('create table t%s (id bigint generated always as identity primary key, name text not null
    default ''x'', created timestamptz default now(), a int, b numeric(10,2), c varchar(40), d jsonb, e boolean,
    f date, g text[], h uuid, mood mood, parent bigint references t%s, other bigint references t%s)',
    i, greatest(1, i - 1), greatest(1, i / 2));
  execute format('comment on column t%s.name is ''What it is called''', i);
end loop; end $$`

const makeOthers = `do $$ begin
  for i in 1..${functions} loop
    execute format('create function f%s(a int, b text default null) returns setof t%s language sql stable as
      ''select * from t%s''', i, i, i);
  end loop;
  for i in 1..${views} loop
    execute format('create view v%s as select t.*, o.name as other_name from t%s t join t%s o on o.id = t.other',
      i, i, i * 2);
  end loop; end $$`

let database: Database

before(async () => {
  const { url } = await testDatabase({ script: `create type mood as enum ('good', 'bad')` })
  database = createDatabase({ url })
  for (let first = 1; first <= tables; first += together)
    await database.query(makeTables.replace('$first', `${first}`).replace('$last', `${first + together - 1}`))
  await database.query(makeOthers)
  await database.query('analyze')
})
after(() => database.close())

/** The longest time in which no timer of this process was heard. */
async function longestSilence(work: () => Promise<unknown>): Promise<number> {
  let heardAt = performance.now()
  let longest = 0
  const timer = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - heardAt)
    heardAt = now
  }, 1)
  await work().finally(() => clearInterval(timer))
  return longest
}

test('the catalog of a large database is read in time, and the process goes on meanwhile', async () => {
  const startedAt = performance.now()
  let readMs = 0
  const silence = await longestSilence(async () => {
    const read = database.transaction((tx) => loadCatalog(tx, ['public']), { isolation: 'repeatable read' })
    const catalog = await read
    readMs = performance.now() - startedAt
    assert.equal(catalog.relations.get('public')?.size, tables + views)
    assert.equal(catalog.functions.get('public')?.size, functions)
    assert.ok((findRelation(catalog, 'v1')?.relationships.length ?? 0) > 4)
  })
  console.log(`${tables} tables, ${views} views, ${functions} functions: ${readMs.toFixed(0)} ms,`)
  console.log(`the longest silence ${silence.toFixed(0)} ms`)
  // The goals are 2 s and a few tens of ms; a busy machine takes several times as long.
  assert.ok(readMs < 8_000, `${readMs} ms`)
  assert.ok(silence < 500, `${silence} ms`)
})
