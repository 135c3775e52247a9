import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { BatchAnswer, BatchOptions, Database } from '../src/database/queryable.ts'
import { testDatabase } from './support/database.ts'

const lot = `batch_${randomBytes(5).toString('hex')}`
const roles = [`${lot}_a`, `${lot}_b`, `${lot}_c`] as const
const { url } = await testDatabase({
  script: `create table kept (id int primary key, parent int, note text default current_user,
    constraint to_parent foreign key (parent) references kept deferrable initially deferred);
    grant all on kept to public`,
})
const db = createDatabase({ url, pool: { max: 4, sharedLanes: 1 } })
/** One connection for everything, so that each use follows another's. */
const narrow = createDatabase({ url, pool: { max: 1 } })

before(async () => {
  for (const role of roles) await db.query(`create role ${role} nologin`)
})
after(async () => {
  for (const role of roles) {
    await db.query(`drop owned by ${role}`)
    await db.query(`drop role ${role}`)
  }
  await narrow.close()
  await db.close()
})

const as = new Map(roles.map((role) => [role, { role, search_path: 'pg_catalog' }]))
const asA = { role: roles[0], search_path: 'pg_catalog' }
const whoAmI = { text: 'select current_user, current_setting($1)', values: ['search_path'] }

function read(
  statement: { text: string; values: string[] },
  options: BatchOptions,
  from: Database = db,
): Promise<string> {
  return from.batch([statement], { effect: 'read', ...options }).then((answers) => textOf(answers[0]))
}

function textOf(answer: BatchAnswer | undefined): string {
  return (answer?.rows ?? []).map((row) => row.map((value) => value && Buffer.from(value).toString()).join()).join(';')
}

test('a batch is one transaction, and each statement is answered', async () => {
  const answers = await db.batch([
    { text: 'insert into kept (id) values (1), (2)', values: [] },
    { text: "select id, 'ü' from kept order by id", values: [] },
  ])
  assert.deepEqual(answers.map(textOf), ['', '1,ü;2,ü'])
  assert.equal(answers[0]?.rowCount, 2)
  await assert.rejects(
    db.batch([
      { text: 'delete from kept', values: [] },
      { text: 'select 1 / 0', values: [] },
    ]),
    { sqlstate: '22012', outcome: 'not applied' },
  )
  assert.equal((await db.query('select from kept')).rowCount, 2)
})

test('a batch that ends with rollback is answered and undone', async () => {
  const options = { end: 'rollback', settings: { 'my.own': 'x' } } as const
  const [inserted, seen] = await db.batch(
    [
      { text: 'insert into kept (id) values (30) returning id', values: [] },
      { text: "select count(*), current_setting('my.own') from kept where id = $1", values: [30] },
    ],
    options,
  )
  assert.deepEqual([textOf(inserted), textOf(seen)], ['30', '1,x'])
  assert.equal((await db.query('select from kept where id = 30')).rowCount, 0)
})

test('a deferred constraint fails a batch, whichever end it has', async () => {
  const orphan = [{ text: 'insert into kept values (40, 41)', values: [] }]
  for (const options of [{}, { end: 'rollback' }, { isolation: 'serializable' }] as const)
    await assert.rejects(db.batch(orphan, options), { sqlstate: '23503', outcome: 'not applied' })
  assert.equal((await db.query('select from kept where id = 40')).rowCount, 0)
  assert.equal((await db.health()).pool.leaks, 0)
})

test('a batch has the isolation level it asks for, and only it', async () => {
  const level = { text: 'show transaction_isolation', values: [] }
  assert.equal(textOf((await narrow.batch([level], { isolation: 'serializable' }))[0]), 'serializable')
  await assert.rejects(narrow.batch([{ text: 'select 1 / 0', values: [] }], { isolation: 'serializable' }))
  assert.equal(textOf((await narrow.batch([level]))[0]), 'read committed')
  await assert.rejects(narrow.batch([level], { isolation: 'serializable; commit' as 'serializable' }), {
    code: 'InvalidOption',
  })
})

test('a batch that lost a serialization conflict is run again', async () => {
  await db.query('create table counters (n int)')
  await db.query('insert into counters values (0)')
  const add = { text: 'update counters set n = n + 1', values: [] }
  await Promise.all(Array.from({ length: 4 }, () => db.batch([add], { isolation: 'repeatable read' })))
  assert.deepEqual((await db.query('select n from counters')).rows, [{ n: 4 }])
})

test('settings of a lane stay for the next batch that wants them', async () => {
  const pid = { text: 'select current_user, pg_backend_pid(), pg_current_xact_id_if_assigned()', values: [] }
  const first = await read(pid, { laneSettings: asA }, narrow)
  assert.equal(await read(pid, { laneSettings: asA }, narrow), first)
  assert.match(first, new RegExp(`^${roles[0]},`))
})

test('whoever comes after a batch with settings of a lane finds the connection as it was opened', async () => {
  const expected = (
    await narrow.query<{ u: string; s: string }>("select current_user u, current_setting('search_path') s")
  ).rows
  const text = "select current_user u, current_setting('search_path') s"
  const dirty = (): Promise<string> => read(whoAmI, { laneSettings: asA }, narrow)
  await dirty()
  assert.deepEqual((await narrow.query(text)).rows, expected)
  await dirty()
  assert.deepEqual(await narrow.transaction(async (tx) => (await tx.query(text)).rows), expected)
  await dirty()
  await using session = await narrow.session()
  assert.deepEqual((await session.query(text)).rows, expected)
  await session[Symbol.asyncDispose]()
  await dirty()
  assert.deepEqual((await narrow.pgPool().query(text)).rows, expected)
  await dirty()
  assert.equal(await read(whoAmI, {}, narrow), Object.values(expected[0] ?? {}).join())
  await dirty()
  assert.equal(await read(whoAmI, { end: 'rollback' }, narrow), Object.values(expected[0] ?? {}).join())
})

test('a batch may write on a lane whose session was read-only, and not the other way round', async () => {
  const access = { text: 'show transaction_read_only', values: [] }
  for (const wanted of ['on', 'off', 'on', 'off'])
    assert.equal(await read(access, { laneSettings: { default_transaction_read_only: wanted } }, narrow), wanted)
})

test('settings that a failed batch brought are not counted on', async () => {
  const other = { role: roles[1], search_path: 'public' }
  await read(whoAmI, { laneSettings: asA }, narrow)
  await assert.rejects(read({ text: 'select 1 / 0', values: [] }, { laneSettings: other }, narrow))
  assert.equal(await read(whoAmI, { laneSettings: other }, narrow), `${roles[1]},public`)
  await assert.rejects(read(whoAmI, { laneSettings: { role: 'nobody_has_this_name' } }, narrow))
  assert.equal(await read(whoAmI, { laneSettings: asA }, narrow), `${roles[0]},pg_catalog`)
  await read(whoAmI, { laneSettings: { ...asA, 'my.more': '1' } }, narrow)
  const more = { text: "select current_setting('my.more', true)", values: [] }
  assert.equal(await read(more, { laneSettings: asA }, narrow), '')
})

test('many batches at once on few connections each run as the role they name', async () => {
  const fails = { text: 'select 1 / (current_user is null)::int', values: [] }
  const asked = Array.from({ length: 400 }, async (_, i) => {
    const role = roles[(i * 7) % 3] ?? roles[0]
    const laneSettings = as.get(role)
    if (laneSettings === undefined) throw new Error('no settings')
    const effect = i % 5 === 0 ? 'write' : 'read'
    if (i % 11 === 0) return await assert.rejects(db.batch([fails], { laneSettings, effect }))
    if (i % 13 === 0) assert.notEqual((await db.query<{ u: string }>('select current_user u')).rows[0]?.u, role)
    assert.equal(textOf((await db.batch([whoAmI], { laneSettings, effect }))[0]), `${role},pg_catalog`)
  })
  await Promise.all(asked)
})

test('a session change in a batch is refused', async () => {
  for (const text of ['set role none', 'commit', 'listen x'])
    await assert.rejects(db.batch([{ text, values: [] }]), { code: 'SessionStatement' })
  await assert.rejects(db.batch([]), { code: 'InvalidOperation' })
})
