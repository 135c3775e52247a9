import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createDatabase, installSchema, isPlinthError } from '../src/index.ts'
import { dropObjects } from '../src/migrate/drop-objects.ts'
import { markedEnvironment, markEnvironment, refuseProduction, runSeeds, type SeedResult } from '../src/migrate.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { migrationFolder } from './support/migrations.ts'

const { url } = await testDatabase({ script: 'create table person (name text primary key)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 5 } })
after(() => activity.close())
after(() => db.close())
before(() => installSchema(db))
beforeEach(() => activity.query('truncate person, plinth.seed, plinth.setting'))

const entry = fileURLToPath(new URL('../src/migrate.ts', import.meta.url))

/** A seed that inserts a name, and whatever else it does before. */
function seed(name: string, options = '', work = ''): string {
  return `import { defineSeed } from '${entry}'
export default defineSeed(async (tx, { environment, progress }) => {
  await tx.query('insert into person values ($1)', ['${name}'])
  ${work}
}, {${options}})`
}

const names = async (): Promise<unknown[]> =>
  (await activity.query('select name from person order by name')).map(({ name }) => name)
const statuses = (results: readonly SeedResult[]): string[] => results.map(({ id, status }) => `${id} ${status}`)

test('seeds run once each, in the order of their numbers, and only where they belong', async () => {
  const folder = migrationFolder({
    '010_people.ts': seed('Ada'),
    '9_first.ts': seed(
      'Zoe',
      '',
      `if ((await tx.query('select from person')).rowCount !== 1) throw new Error('order')`,
    ),
    '020_demo.ts': seed('Demo', `environments: ['development']`),
    'names.ts': 'export const names = []',
    'README.md': '',
  })
  assert.deepEqual(statuses(await runSeeds(db, { folder, environment: 'test' })), [
    '9_first ran',
    '010_people ran',
    '020_demo other environment',
  ])
  assert.deepEqual(await names(), ['Ada', 'Zoe'])
  assert.deepEqual(statuses(await runSeeds(db, { folder })), ['9_first done', '010_people done', '020_demo ran'])
  assert.deepEqual(await names(), ['Ada', 'Demo', 'Zoe'])
  assert.deepEqual(await activity.query('select id, environment from plinth.seed order by ran_at'), [
    { id: '9_first', environment: 'test' },
    { id: '010_people', environment: 'test' },
    { id: '020_demo', environment: 'development' },
  ])
})

test('a seed that fails leaves nothing of itself, and those before it stay', async () => {
  const folder = migrationFolder({
    '1_ada.ts': seed('Ada'),
    '2_fails.ts': seed('Bob', '', `throw new TypeError('mine')`),
    '3_cyd.ts': seed('Cyd'),
  })
  const error = await errorOf(runSeeds(db, { folder }))
  assert.ok(isPlinthError(error, 'SeedFailed') && error.cause instanceof TypeError, String(error))
  assert.deepEqual([error.message, error.outcome], ['The seed 2_fails failed: mine', 'not applied'])
  assert.equal(error.hint, 'Nothing of it is left in the database.')
  assert.deepEqual(await names(), ['Ada'])
  assert.deepEqual(await activity.query('select id from plinth.seed'), [{ id: '1_ada' }])
})

test('a file that changed or went away after its run is told, and not run again', async () => {
  const folder = migrationFolder({ '1_ada.ts': seed('Ada'), '2_bob.ts': seed('Bob') })
  await runSeeds(db, { folder })
  writeFileSync(join(folder, '1_ada.ts'), seed('Ada').replaceAll('\n', '\r\n'))
  assert.deepEqual(statuses(await runSeeds(db, { folder })), ['1_ada done', '2_bob done'])
  writeFileSync(join(folder, '1_ada.ts'), seed('Changed'))
  rmSync(join(folder, '2_bob.ts'))
  assert.deepEqual(statuses(await runSeeds(db, { folder })), ['1_ada changed', '2_bob missing'])
  assert.deepEqual(await names(), ['Ada', 'Bob'])
})

test('processes that seed at once run each seed in one of them', async () => {
  const folder = migrationFolder({
    '1_slow.ts': seed('Ada', '', `await tx.query('select pg_sleep(0.2)')`),
    '2_bob.ts': seed('Bob'),
  })
  const all = await Promise.all([runSeeds(db, { folder }), runSeeds(db, { folder }), runSeeds(db, { folder })])
  const ran = all.flat().filter(({ status }) => status === 'ran')
  assert.deepEqual(ran.map(({ id }) => id).toSorted(), ['1_slow', '2_bob'])
  assert.ok(all.flat().every(({ status }) => status === 'ran' || status === 'done'))
})

test('who waits for another process that seeds gives up at waitMs', async () => {
  const folder = migrationFolder({ '1_ada.ts': seed('Ada') })
  await db.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock(8104, 1936024932)')
    await using other = createDatabase({ url })
    await assert.rejects(runSeeds(other, { folder, waitMs: 100 }), { code: 'LockTimeout', retryable: true })
  })
  assert.deepEqual(await names(), [])
})

test('the time that its own seeds took is none that a run has waited', async () => {
  const folder = migrationFolder({
    '1_slow.ts': seed('Ada', '', `await tx.query('select pg_sleep(1.2)')`),
    '2_bob.ts': seed('Bob'),
  })
  let other: Promise<unknown> | undefined
  const onProgress = (): void => {
    // It waits behind the first seed, and so has the lock when the second one asks.
    other ??= activity.query('begin; select pg_advisory_xact_lock(8104, 1936024932); select pg_sleep(0.05); commit')
  }
  assert.deepEqual(statuses(await runSeeds(db, { folder, waitMs: 1000, onProgress })), ['1_slow ran', '2_bob ran'])
  await other
})

test('a statement of a seed may take as long as the seed', async () => {
  await using hurried = createDatabase({ url, statementTimeoutMs: 300 })
  const folder = migrationFolder({ '1_ada.ts': seed('Ada', '', `await tx.query('select pg_sleep(0.5)')`) })
  assert.deepEqual(statuses(await runSeeds(hurried, { folder })), ['1_ada ran'])
})

test('a seed that takes longer than its time limit is undone', async () => {
  const folder = migrationFolder({ '1_ada.ts': seed('Ada', 'timeoutMs: 100', `await tx.query('select pg_sleep(20)')`) })
  const { cause } = await errorOf(runSeeds(db, { folder }))
  assert.ok(isPlinthError(cause, 'TransactionTimeout'), String(cause))
  assert.deepEqual(await names(), [])
})

test('a seed whose run is aborted is undone, and those before it stay', async () => {
  const folder = migrationFolder({
    '1_ada.ts': seed('Ada'),
    '2_bob.ts': seed('Bob', '', `progress(1, 2); await tx.query('select pg_sleep(20)')`),
  })
  const stop = new AbortController()
  const onProgress = ({ done }: { readonly done: number }): void => {
    if (done === 1) stop.abort(new RangeError('enough'))
  }
  const error = await errorOf(runSeeds(db, { folder, signal: stop.signal, onProgress }))
  assert.ok(isPlinthError(error, 'SeedFailed') && isPlinthError(error.cause, 'Cancelled'), String(error))
  assert.deepEqual([await names(), error.outcome], [['Ada'], 'not applied'])
})

test('a long seed tells how far it has come', async () => {
  const folder = migrationFolder({ '1_ada.ts': seed('Ada', '', 'progress(1, 2); progress(2, 2)') })
  const told: string[] = []
  await runSeeds(db, { folder, onProgress: ({ id, done, total }) => told.push(`${id} ${done}/${total}`) })
  assert.deepEqual(told, ['1_ada 0/0', '1_ada 1/2', '1_ada 2/2'])
})

for (const [what, files, message] of [
  ['has no name', { '10.ts': seed('a') }, /10\.ts is not named like a seed/],
  [
    'has the number of another',
    { '1_a.ts': seed('a'), '01_b.ts': seed('b') },
    /1_a\.ts and 01_b\.ts have one number|01_b\.ts and 1_a\.ts have one number/,
  ],
  ['exports none', { '1_a.ts': 'export const seed = 1' }, /1_a\.ts exports no seed/],
  ['cannot be run', { '1_a.ts': `throw new Error('mine')` }, /1_a\.ts cannot be loaded: mine/],
  ['is for an environment that is none', { '1_a.ts': seed('a', `environments: ['staging']`) }, /environment staging/],
] as const) {
  test(`a file that ${what} is refused`, async () => {
    await assert.rejects(runSeeds(db, { folder: migrationFolder(files) }), { code: 'InvalidSeed', message })
  })
}

test('a folder that is not there has no seeds', async () => {
  assert.deepEqual(await runSeeds(db, { folder: 'no/such/folder' }), [])
})

const here = { url: 'postgres://a@127.0.0.1/x', action: 'reset it' }

test('a database is taken for production by its name, its host, NODE_ENV or its mark', async () => {
  const name = new URL(url).pathname.slice(1)
  const refusal = async (options: object, on = db): Promise<string> => {
    const error: unknown = await refuseProduction(on, { ...here, ...options }).catch((failure: unknown) => failure)
    return error instanceof Error ? error.message : 'none'
  }
  assert.equal(await refusal({}), 'none')
  const local = ['postgres://localhost/x', 'postgres://[::1]:5432/x', 'postgres:///x?host=/tmp', 'postgres:///x']
  for (const one of local) assert.equal(await refusal({ url: one }), 'none', one)
  assert.match(await refusal({ nodeEnv: 'PRODUCTION' }), /NODE_ENV is production/)
  assert.equal(await refusal({ nodeEnv: 'production' }), `${name} looks like production: NODE_ENV is production.`)
  assert.match(await refusal({ url: 'postgres://db.example.org/x' }), /production: it is on db\.example\.org\.$/)
  const several = 'postgres://a:secret@127.0.0.1:1,db.example.org:2/x'
  assert.match(await refusal({ url: several }), /production: it is on db\.example\.org\.$/)
  assert.match(await refusal({ url: 'postgres://localhost/x?host=localhost&host=db' }), /it is on db\.$/)
  assert.match(await refusal({ url: 'localhost' }), /it is on another machine\.$/)
  await markEnvironment(db, 'production')
  assert.equal(await markedEnvironment(db), 'production')
  assert.match(await refusal({}), /it is marked as production/)
  await markEnvironment(db, 'development')
  assert.equal(await refusal({ url: 'postgres://db.example.org/x' }), 'none')
  assert.match(await refusal({ nodeEnv: 'production' }), /NODE_ENV/)
})

test('only both of the two yeses let it pass, and the refusal says them', async () => {
  await markEnvironment(db, 'production')
  const name = new URL(url).pathname.slice(1)
  const refused = {
    code: 'ProductionRefused',
    hint: new RegExp(`--force --force-production ${name} \\(force: true, forceProduction: '${name}'\\)`),
  }
  await assert.rejects(refuseProduction(db, { ...here, force: true }), refused)
  await assert.rejects(refuseProduction(db, { ...here, forceProduction: name }), refused)
  await assert.rejects(refuseProduction(db, { ...here, force: true, forceProduction: 'another' }), refused)
  await refuseProduction(db, { ...here, force: true, forceProduction: name })
})

test('what users made is dropped, and extensions, the schema public and the mark stay', async () => {
  await using made = createDatabase({ url: (await testDatabase({ script: manyThings })).url })
  await installSchema(made)
  await markEnvironment(made, 'test')
  await made.query(`insert into plinth.seed (id, checksum, environment, duration_ms) values ('1_a', '', 'test', 1)`)
  await made.query('create table plinth.theirs as select 1 as a')
  await dropObjects(made)
  const left = await made.query(`select about.type, about.identity from pg_depend as d
    cross join lateral pg_identify_object(d.classid, d.objid, 0) as about
    where d.refobjid = 'public'::regnamespace and d.refclassid = 'pg_namespace'::regclass
      and not exists (select from pg_depend as e where e.objid = d.objid and e.deptype = 'e') order by 1, 2`)
  assert.deepEqual(left.rows, [{ type: 'extension', identity: 'citext' }])
  const { rows } = await made.query<{ name: string }>(`select nspname::text as name from pg_namespace
    where nspname !~ '^pg_' order by 1`)
  assert.deepEqual(
    rows.map(({ name }) => name),
    ['information_schema', 'plinth', 'public'],
  )
  assert.deepEqual((await made.query(`select nspacl::text as acl from pg_namespace where nspname = 'public'`)).rows, [
    { acl: '{pg_database_owner=UC/pg_database_owner,=UC/pg_database_owner}' },
  ])
  assert.equal(await markedEnvironment(made), 'test')
  assert.deepEqual((await made.query('select from plinth.seed')).rowCount, 0)
  assert.deepEqual((await made.query('select from plinth.theirs')).rowCount, 1)
  await made.query("select 'A'::public.citext = 'a'")
  await dropObjects(made)
})

const manyThings = `
  grant create on schema public to public;
  create extension citext;
  create type mood as enum ('calm');
  create type pair as (a int, b mood);
  create domain positive as int check (value > 0);
  create type span as range (subtype = int);
  create table "Odd ""name" (id serial primary key, mood mood, pair pair, span span, many positive[]);
  create table numbered (id int generated always as identity primary key);
  create table measured (at date not null, v int) partition by range (at);
  create table measured_2026 partition of measured for values from ('2026-01-01') to ('2027-01-01');
  create view moods as select mood from "Odd ""name";
  create materialized view counted as select count(*) from moods;
  create sequence loose;
  create statistics both_columns on at, v from measured;
  create function double(number int) returns int language sql return number * 2;
  create function noted() returns trigger language plpgsql as $$ begin return new; end $$;
  create trigger noted before insert on measured for each row execute function noted();
  create procedure nothing() language sql as '';
  create aggregate sum_of(int) (sfunc = int4pl, stype = int, initcond = '0');
  create operator ~~~ (leftarg = int, rightarg = int, procedure = int4pl);
  create collation german (provider = icu, locale = 'de');
  create text search configuration plain (copy = simple);
  create schema blog;
  create table blog.post (id int references "Odd ""name");
  alter table measured add column post int;
  create view blog.all_moods as select * from public.moods;`
