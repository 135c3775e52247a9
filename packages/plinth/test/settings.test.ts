import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()
const activity = await watchActivity(url)
const role = `guest_${process.pid}`
await activity.query(`create role ${role}`)
const db = createDatabase({ url, pool: { max: 2, sharedLanes: 1 } })
after(async () => {
  await db.close()
  await activity.query(`drop role ${role}`)
  await activity.close()
})

const look = `select current_user::text as who, coalesce(current_setting('request.jwt.claims', true), '') as claims`
const nobody = { who: new URL(url).username, claims: '' }
const settings = { role, 'request.jwt.claims': '{"sub":"1"}' }

const isClean = async (): Promise<void> => assert.deepEqual((await db.query(look)).rows, [nobody])

test('settings hold for their statement and are gone after it', async () => {
  assert.deepEqual((await db.query(look, [], { settings })).rows, [{ who: role, claims: '{"sub":"1"}' }])
  await isClean()
})

test('settings are gone after an error of the statement, and a setting that is none is an error', async () => {
  await assert.rejects(db.query('select 1 / 0', [], { settings }), { code: 'InvalidValue' })
  await isClean()
  await assert.rejects(db.query('select * from pg_authid', [], { settings }), { code: 'PermissionDenied' })
  await isClean()
  await assert.rejects(db.query(look, [], { settings: { ...settings, role: 'no one; reset all' } }), {
    code: 'InvalidValue',
  })
  await isClean()
})

test('100 statements with settings of their own share a lane without seeing each other', async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      i % 3 === 0
        ? db.query(look)
        : db
            .query(i % 7 === 0 ? `${look}, 1 / 0` : look, [], { settings: { role, 'request.jwt.claims': `${i}` } })
            .catch(() => undefined),
    ),
  )
  answers.forEach((answer, i) => {
    if (i % 3 === 0) assert.deepEqual(answer?.rows, [nobody])
    else if (i % 7 === 0) assert.equal(answer, undefined)
    else assert.deepEqual(answer?.rows, [{ who: role, claims: `${i}` }])
  })
})

test('a procedure cannot shed the role of its statement by a COMMIT', async () => {
  await activity.query(`create procedure sheds() language plpgsql as $$ begin
    commit; raise exception 'ran as %', current_user; end $$`)
  await assert.rejects(db.query('call sheds()', [], { settings }), { sqlstate: '2D000' })
})

test('1,000 statements at once, with failures among them, each get their own answer', async () => {
  const answers = await Promise.allSettled(
    Array.from({ length: 1000 }, (_, i) => {
      if (i % 10 === 3) return db.query('select 1 / ($1::int - $1::int)', [i])
      if (i % 10 === 6) return db.query(`select ${i} from nowhere_${i}`)
      return db.query(i % 2 ? 'select $1::int as n' : `select ${i} as n, $1::int as m`, [i])
    }),
  )
  answers.forEach((answer, i) => {
    if (i % 10 === 3) assert.equal(answer.status === 'rejected' && answer.reason.code, 'InvalidValue')
    else if (i % 10 === 6) {
      assert.equal(answer.status === 'rejected' && answer.reason.code, 'UndefinedObject')
      assert.match(String(answer.status === 'rejected' && answer.reason.message), new RegExp(`nowhere_${i}"`))
    } else assert.equal(answer.status === 'fulfilled' && answer.value.rows[0]?.['n'], i)
  })
})

test('a connection keeps at most 256 prepared statements, the latest among them', async () => {
  await using one = createDatabase({ url, pool: { max: 1 } })
  for (let i = 0; i < 300; i++) await one.query(`select ${i} as n`)
  assert.deepEqual((await one.query('select 0 as n')).rows, [{ n: 0 }])
  const kept = (await one.query('select statement from pg_prepared_statements')).rows.map(({ statement }) => statement)
  assert.ok(kept.length <= 257, `${kept.length} statements`)
  assert.ok(kept.includes('select 299 as n') && !kept.includes('select 1 as n'))
})

test('preparedStatements says how many are kept, and 0 that none has a name', async () => {
  for (const most of [3, 0]) {
    await using one = createDatabase({ url, pool: { max: 1 }, preparedStatements: most })
    for (let i = 0; i < 10; i++) await one.query(`select ${i} as n`)
    await one.pgPool().query({ name: 'mine', text: 'select 1' })
    const { n } = await one.one<{ n: number }>('select count(*)::int as n from pg_prepared_statements')
    // The caller's own name is one more, and so is the one that is replaced just now.
    assert.ok(most === 0 ? n === 0 : n > 0 && n <= most + 2, `${n} of ${most}`)
  }
})

test('a server that forgot its prepared statements is asked again', async () => {
  await db.query('select 5 as n')
  // A function may do what a statement may not.
  await db.query(`do $$ begin execute 'deallocate all'; end $$`)
  const answers = await Promise.all([db.query('select 5 as n'), db.query('select 5 as n'), db.query('select 6 as n')])
  assert.deepEqual(
    answers.map(({ rows }) => rows[0]?.['n']),
    [5, 5, 6],
  )
})
