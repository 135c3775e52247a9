import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { leavesStateInside, wordsOf } from '../src/sql/statement-words.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int)' })
const db = createDatabase({ url, pool: { max: 3, sharedLanes: 1 } })
after(() => db.close())

const hidden = (word: string): string[] => [
  word,
  `  ${word.toUpperCase()}`,
  `-- a note\n${word}`,
  `-- a note\r${word}`,
  `/* a */ /* b */${word}`,
  `/* outer /* inner */ still a comment */ ${word}`,
  `;${word}`,
  ` ; /* x */ ; ${word}`,
]

for (const word of ['commit', 'begin', 'rollback', 'savepoint a', 'end', 'abort', 'start transaction'])
  test(`"${word}" is refused on the database and in a transaction, however it is dressed`, async () => {
    for (const text of hidden(word)) {
      await assert.rejects(db.query(text), { code: 'SessionStatement' }, text)
      await assert.rejects(
        db.transaction((tx) => tx.query(text)),
        { code: 'SessionStatement' },
        text,
      )
    }
  })

for (const word of ['set role none', 'listen a', 'prepare a as select 1', 'deallocate all', 'discard all', 'reset all'])
  test(`"${word}" is refused on the database, however it is dressed`, async () => {
    for (const text of hidden(word)) await assert.rejects(db.query(text), { code: 'SessionStatement' }, text)
  })

test('words that only begin like a refused one run', async () => {
  assert.deepEqual((await db.query('select 1 as committed -- commit')).rows, [{ committed: 1 }])
  assert.deepEqual((await db.query('/* set */ select 2 as n')).rows, [{ n: 2 }])
  assert.deepEqual((await db.query('--\nvalues (3)')).rows, [{ column1: 3 }])
})

// The regular expression this replaced took 20 s for the first of them.
test('a long line of comments is read in linear time', () => {
  assert.deepEqual(wordsOf(`${'/* * */'.repeat(20_000)}Commit/**/Now`), ['commit', 'now', ''])
  assert.deepEqual(wordsOf('/*'.repeat(500_000)), ['', '', ''])
  assert.deepEqual(wordsOf(`${'-- /*\n'.repeat(100_000)}; ;set local x`), ['set', 'local', 'x'])
})

test('text that is no text is refused before it reaches the connection others share', async () => {
  await assert.rejects(db.query('select 1\0; select 2'), { code: 'InvalidOperation' })
  await assert.rejects(db.query("select '\ud800'"), { code: 'InvalidOperation' })
  await assert.rejects(db.query(undefined as never), { code: 'InvalidOperation' })
  assert.deepEqual((await db.query('select 1 as n')).rows, [{ n: 1 }])
})

test('more parameters than the protocol counts are refused', async () => {
  const values = Array.from({ length: 65_536 }, () => 1)
  await assert.rejects(db.query('select 1', values), { code: 'InvalidOperation' })
  assert.deepEqual((await db.query('select 1 as n')).rows, [{ n: 1 }])
})

test('a copy from the client is refused, and nobody on the lane gets an answer of somebody else', async () => {
  const before = db.query('select 1 as n')
  const copies = ['copy t from stdin', '/* x */ COPY t (id)\n from\tSTDIN', 'copy t from/**/stdin'].map((text) =>
    assert.rejects(db.query(text), { code: 'InvalidOperation' }, text),
  )
  const others = Array.from({ length: 10 }, (_, n) => db.query('select $1::int as n', [n]))
  assert.deepEqual((await before).rows, [{ n: 1 }])
  await Promise.all(copies)
  assert.deepEqual(
    (await Promise.all(others)).map(({ rows }) => rows[0]?.['n']),
    others.map((_, n) => n),
  )
})

test('a copy to the client answers with its count', async () => {
  assert.equal((await db.query('copy (select generate_series(1, 3)) to stdout')).rowCount, 3)
})

test('two statements in one text are refused by the server, and neither runs', async () => {
  await assert.rejects(db.query('insert into t values (1); insert into t values (2)'), { code: 'InvalidStatement' })
  assert.deepEqual((await db.query('select count(*)::int as n from t')).rows, [{ n: 0 }])
})

const leaving = [
  `select set_config('app.tenant', '7', false)`,
  `select 1, SET_CONFIG ('a.b', concat($1::text, ')'), /* not true */ $2::bool)`,
  `select set_config('a.b', set_config('a.c', 'x', true), false)`,
  `select set_config('a.b', E'it\\'s', false)`,
  'select pg_advisory_lock(1)',
  'select pg_catalog."pg_try_advisory_lock_shared"(1)',
  'with a as (select 1) select pg_try_advisory_lock(1) from a',
  'select 1 as n into temp left_behind',
  'select 1 as n into -- a note\n local temporary left_behind',
]
const leavingNothing = [
  `select set_config('a.b', '7', true)`,
  `select set_config('a.b', set_config('a.c', '7', true), true)`,
  'select pg_advisory_xact_lock(1), pg_try_advisory_xact_lock_shared(2)',
  `select 'pg_advisory_lock(1)' -- set_config('a', 'b', false)`,
  `select 'it''s', $1::text as temp /* into temp x */`,
]

test('what leaves a setting, a lock or a table on the connection is refused on the database', async () => {
  for (const text of leaving) {
    await assert.rejects(db.query(text), { code: 'SessionStatement' }, text)
    assert.throws(() => db.stream(text), { code: 'SessionStatement' }, text)
  }
  for (const text of leavingNothing) await db.query(text, text.includes('$1') ? ['x'] : [])
})

test('what a transaction or a client of pgPool() leaves on its connection is gone for the next holder', async () => {
  await using one = createDatabase({ url, pool: { max: 1, sharedLanes: 0 } })
  const left = async (): Promise<unknown> =>
    (
      await one.query(`select current_setting('app.tenant', true) as tenant, to_regclass('pg_temp.kept') is null as gone,
        (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks`)
    ).rows[0]
  await one.transaction((tx) => tx.query(`select set_config('app.tenant', '7', false)`))
  assert.partialDeepStrictEqual(await left(), { tenant: '', gone: true, locks: 0 })
  await one.transaction((tx) => tx.query('select pg_advisory_lock(1)'))
  assert.partialDeepStrictEqual(await left(), { gone: true, locks: 0 })
  await one.pgPool().query('select 1 as n into temp kept')
  await one.pgPool().query('select pg_advisory_lock(1)')
  assert.partialDeepStrictEqual(await left(), { gone: true, locks: 0 })
})

test('a text full of what is looked for is read in linear time', () => {
  assert.equal(leavesStateInside('set_config('.repeat(200_000)), false)
  assert.equal(leavesStateInside(`${'set_config(1, true),'.repeat(100_000)}into ${' '.repeat(500_000)}temper`), false)
  assert.equal(leavesStateInside(`select temp ${"/* ' */ 'it''s' ".repeat(100_000)} /* ${'/*'.repeat(100_000)}`), false)
})
