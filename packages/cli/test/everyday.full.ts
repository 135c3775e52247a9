import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createDatabase, type Database, installSchema } from 'plinth'
import { runScript } from 'plinth/migrate'
import { enqueue, startWorker, task } from 'plinth/services'
import { createTestDatabase, type TestDatabase } from 'plinth/testing'
import { placeOf } from '../src/terminal/secrets.ts'
import { chinookFile, withoutChinook } from './support/chinook.ts'
import { plinth, temporaryFolder } from './support/command.ts'
import { report } from './support/report.ts'

const folder = temporaryFolder()
const own = fileURLToPath(new URL('support/music-shop.sql', import.meta.url))
// The Chinook sample database, or rows of our own where it is not here.
const file = chinookFile ?? own
let made: TestDatabase
let db: Database
let url: string[]

before(async () => {
  const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
  made = await createTestDatabase({ server, script: readFileSync(file, 'utf8') })
  db = createDatabase({
    url: made.url,
    service: 'everyday',
    pool: { max: 6 },
    lockTimeoutMs: 20_000,
    idleInTransactionTimeoutMs: 60_000,
  })
  symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(folder, 'node_modules'))
  write('plinth.config.ts', `export default ${JSON.stringify({ url: made.url, ...folders })}`)
  url = ['--config', join(folder, 'plinth.config.ts')]
})
after(async () => {
  await db.close()
  await made.drop()
})

const folders = { migrations: join(folder, 'migrations'), seeds: join(folder, 'seeds') }

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

/** The one migration of the tests that need one. */
const writeNotes = (): void => write('migrations/0001_notes/up.sql', 'create table notes (text text);')

const lines = (text: string): string[] => text.split('\n').map((line) => line.trim())

test('health is up with exit code 0, and down with a finding where nobody answers', async () => {
  const up = await report('health', ...url)
  assert.match(up.text, /Status +up[^]*connection +pass/)
  assert.equal(up.hasFindings, false)
  const down = await report('health', '--url', 'postgres://a:secret@127.0.0.1:1/none', '--wait', '0')
  assert.match(down.text, /Status +down[^]*Error +.*ECONNREFUSED/)
  assert.equal(down.hasFindings, true)
  assert.ok(!JSON.stringify(down).includes('secret'))
})

test('tables are listed with their sizes, and of the schemas that were named', async () => {
  await db.query('analyze track')
  const { text, data } = await report('tables', ...url)
  assert.match(text, /^ +Name +Rows, about +Size +Kind\n {2}album /)
  assert.match(text, /\n {2}track +[\d,]+ +\d+ kB +table\n?/)
  assert.match(text, /\n {2}genre +not analyzed +\d+ kB +table\n/)
  assert.ok(Array.isArray(data) && data.length === 11)
  assert.equal((await report('tables', '--schema', 'nowhere', ...url)).text, 'There is no table.')
})

test('tables and schema say which locked table they waited for, who holds it and what to do', async () => {
  await db.transaction(async (tx) => {
    const { pid } = await tx.one<{ pid: number }>('select pg_backend_pid() as pid')
    await tx.query('lock table track in access exclusive mode')
    const refused = {
      code: 'LockTimeout',
      message: `It waited for tables that are locked, and gave up: track (held by everyday, pid ${pid}).`,
      hint: /plinth locks/,
    }
    const asked = [report('tables', ...url), report('schema', ...url)]
    await Promise.all(asked.map((one) => assert.rejects(one, refused)))
  })
})

test('the schema of a table names its columns, keys, indexes and who refers to it', async () => {
  await db.query('create schema "odd schema"')
  await db.query(`create table "odd schema"."a.b" (id int generated always as identity primary key, n int default 7
    check (n > 0), twice int generated always as (n * 2) stored)`)
  await db.query(`comment on column "odd schema"."a.b".n is 'how many'`)
  await db.query('create unique index by_n on "odd schema"."a.b" (n) where n > 1')
  const { text } = await report('schema', 'album', ...url)
  assert.match(text, /^public\.album table\n/)
  assert.ok(
    lines(text).some((line) => /^album_id +integer +not null +default nextval/.test(line)),
    text,
  )
  assert.match(text, /album_pkey +PRIMARY KEY \(album_id\)/)
  assert.match(text, /Referenced by\n {2}track +FOREIGN KEY \(album_id\) REFERENCES album\(album_id\)/)
  const odd = (await report('schema', 'odd schema.a.b', ...url)).text
  assert.match(odd, /id +integer +not null +generated always as identity/)
  assert.match(odd, /n +integer +default 7 {3}how many/)
  assert.match(odd, /twice +integer +generated always as \(\(n \* 2\)\) stored/)
  assert.match(odd, /by_n"? +UNIQUE INDEX USING btree \(n\) WHERE \(n > 1\)/)
  assert.deepEqual(
    (await report('schema', 'a.b', ...url)).data,
    (await report('schema', 'odd schema.a.b', ...url)).data,
  )
  await assert.rejects(report('schema', 'nowhere', ...url), { name: 'UsageError', message: /no table nowhere/ })
  assert.ok(lines((await report('schema', ...url)).text).includes('public.track table'))
  await db.query('drop schema "odd schema" cascade')
})

test('what runs is told, and passwords in it are hidden', async () => {
  assert.equal((await report('queries', ...url)).text, 'Nothing runs but this question.')
  const stop = new AbortController()
  const sleeping = db.query(`select pg_sleep(60), 'postgres://app:s3cret@host/db', '\u001b[2J\u009b'`, [], {
    signal: stop.signal,
  })
  const isSleeping = `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`
  for (let left = 6000; left > 0 && (await db.query(isSleeping)).rowCount === 0; left--) await sleep(5)
  assert.match((await report('queries', ...url)).text, /everyday \(\w+\) +active +Timeout: PgSleep +select pg_sleep/)
  assert.match((await report('queries', ...url)).text, /db', '\\u001b\[2J\\u009b'/)
  assert.equal((await report('queries', '--over', '60', ...url)).text, 'Nothing runs but this question.')
  const { code, stdout } = await plinth(['queries', '--json', ...url]).ended
  assert.equal(code, 0)
  assert.ok(stdout.includes('postgres://app:***@host/db') && !stdout.includes('s3cret'), stdout)
  assert.equal(JSON.parse(stdout).length, 1)
  stop.abort()
  await assert.rejects(sleeping, { code: 'Cancelled' })
})

test('what is called a password is no secret: reports stay JSON, and types what the database has', async () => {
  await db.query(`create type method as enum ('password', 'magic''link')`)
  await db.query(
    `create table member (email text, password text default 'x', via method, primary key (email, password))`,
  )
  const schema = await plinth(['schema', 'member', '--json', ...url]).ended
  assert.deepEqual(JSON.parse(schema.stdout), (await report('schema', 'member', ...url)).data)
  const { text, data } = await report('types', ...url)
  assert.match(text, /via\??: 'password' \| 'magic\\'link' \| null/)
  const types = await plinth(['types', ...url]).ended
  assert.deepEqual([types.stdout.trimEnd(), data], [text, types.stdout])
  await db.query('drop table member')
  await db.query('drop type method')
})

const waiters = async (): Promise<number> =>
  (await db.query(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`))
    .rowCount

async function untilWaiting(count: number): Promise<void> {
  for (let left = 6000; left > 0; left--) {
    if ((await waiters()) === count) return
    await sleep(5)
  }
  assert.fail(`never ${count} that wait`)
}

test('who waits for a lock stands below whom it waits for', async () => {
  assert.equal((await report('locks', ...url)).text, 'Nobody waits for a lock.')
  await using holder = await db.begin({ name: 'holder' })
  const { pid } = await holder.one<{ pid: number }>('select pg_backend_pid() as pid')
  await holder.query('update genre set name = name where genre_id = 1')
  const waiting = [1, 2].map(() =>
    db.independent((tx) => tx.query('update genre set name = name where genre_id = 1 -- \u001b[8m')),
  )
  await untilWaiting(2)
  const { text, data, hasFindings } = await report('locks', ...url)
  assert.match(
    text,
    new RegExp(`^${pid} everyday .* idle in transaction, .*\n.*\n {2}└ \\d+ everyday .*waits for .* on `),
  )
  assert.equal(text.match(/└/g)?.length, 2)
  assert.ok(text.includes('-- \\u001b[8m') && !text.includes('\u001b[8m'), text)
  assert.ok(hasFindings === true && Array.isArray(data) && data.length === 3)
  await holder.rollback()
  await Promise.all(waiting)
})

test('rows that were loaded with their keys leave sequences behind: doctor tells, fix-sequences mends', async () => {
  await db.query('create table band (band_id serial primary key, name text)')
  await db.query('create table concert (id int generated always as identity primary key, band_id int, day date)')
  const rows = readFileSync(new URL('support/loaded-bands.sql', import.meta.url), 'utf8')
  await db.transaction((tx) => runScript(tx, 'loaded-bands.sql', rows))
  const insert = (): Promise<unknown> => db.query(`insert into band (name) values ('New')`)
  await assert.rejects(insert(), { code: 'UniqueViolation', sqlstate: '23505' })
  const sick = await report('doctor', ...url)
  assert.match(sick.text, /FAIL +sequences +behind: .*public\.band_band_id_seq.*\n +The next insert fails/)
  assert.equal(sick.hasFindings, true)
  const dry = await report('fix-sequences', '--dry-run', ...url)
  assert.match(dry.text, /public\.band_band_id_seq +public\.band\.band_id +\d +7/)
  assert.match(dry.text, /public\.concert_id_seq +public\.concert\.id +\d +2/)
  assert.equal(dry.hasFindings, true)
  await assert.rejects(insert(), { code: 'UniqueViolation' }, 'a dry run changes nothing')
  const fixed = await report('fix-sequences', ...url)
  assert.match(fixed.text, /public\.band_band_id_seq +public\.band\.band_id +\d +7/)
  await insert()
  await db.query(`insert into concert (band_id, day) values (8, '2026-07-03')`)
  assert.deepEqual((await db.query('select max(band_id) as band from band')).rows, [{ band: 8 }])
  assert.equal((await report('fix-sequences', ...url)).text, 'No sequence is behind its column.')
  assert.match((await report('doctor', ...url)).text, /ok +sequences +none behind its column/)
  await db.query('drop table band, concert')
})

test('an artist can be inserted into Chinook whose sequences are behind, as after a load with keys', {
  skip: withoutChinook,
}, async () => {
  const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
  await using fresh = await createTestDatabase({ server, script: readFileSync(file, 'utf8') })
  await using shop = createDatabase({ url: fresh.url })
  const insert = (): Promise<unknown> => shop.query(`insert into artist (name) values ('New')`)
  // The file itself takes its keys from the sequences.
  await shop.query('alter sequence artist_artist_id_seq restart')
  await assert.rejects(insert(), { code: 'UniqueViolation' })
  await report('fix-sequences', '--url', fresh.url)
  await insert()
})

test('a sequence is set past rows that a transaction was still inserting, also of identity and descending ones', async () => {
  await db.query('create table counted (up int generated by default as identity, own bigint)')
  await db.query('create sequence down increment -1')
  await db.query(`alter table counted alter own set default nextval('down')`)
  await db.transaction(async (tx) => {
    await tx.query('lock table counted')
    const { text } = await report('doctor', ...url)
    assert.match(text, /note +sequences +not looked at\n +A table is locked: see plinth locks\./)
  })
  await using other = await db.begin()
  await other.query('insert into counted (up, own) values (7, -7)')
  await db.independent((tx) => tx.query('insert into counted (up, own) values (3, -3)'))
  const fixing = report('fix-sequences', ...url)
  await untilWaiting(1)
  await other.commit()
  const { data } = await fixing
  assert.deepEqual(data, [
    { sequence: 'public.counted_up_seq', columns: ['public.counted.up'], next: '1', furthest: '7' },
    { sequence: 'public.down', columns: ['public.counted.own'], next: '-1', furthest: '-7' },
  ])
  await db.query('insert into counted default values')
  assert.deepEqual((await db.query('select up, own from counted order by up')).rows.at(-1), { up: 8, own: '-8' })
  await db.query('drop table counted')
  await db.query('drop sequence down')
})

test('a sequence that cannot be set is named, those after it are set, and one that cycles stays where it is', async () => {
  await db.query('create sequence a_narrow as int')
  await db.query('create sequence b_circle maxvalue 5 cycle')
  await db.query(`create table odd (narrow bigint default nextval('a_narrow'), circle int default nextval('b_circle'),
    plain serial)`)
  await db.query('insert into odd values (9999999999, 5, 7)')
  await db.query("select setval('b_circle', 2)")
  const dry = await report('fix-sequences', '--dry-run', ...url)
  assert.match(dry.text, /odd_plain_seq .* 7\n.*a_narrow cannot be set[^]*b_circle cycles/)
  const { data, text, hasFindings } = await report('fix-sequences', ...url)
  assert.match(text, /public\.odd_plain_seq +public\.odd\.plain +1 +7\n/)
  assert.match(text, /public\.a_narrow cannot be set: 9999999999 in public\.odd\.narrow is out of its range/)
  assert.match(text, /public\.b_circle cycles/)
  assert.equal(hasFindings, true)
  assert.deepEqual(data, [
    { sequence: 'public.a_narrow', columns: ['public.odd.narrow'], next: '1', furthest: '9999999999', kept: 'range' },
    { sequence: 'public.b_circle', columns: ['public.odd.circle'], next: '3', furthest: '5', kept: 'cycle' },
    { sequence: 'public.odd_plain_seq', columns: ['public.odd.plain'], next: '1', furthest: '7' },
  ])
  await db.query('update odd set narrow = 1')
  await db.query('select nextval($1::text::regclass)', ['a_narrow'])
  const { rows } = await db.query(`insert into odd default values returning narrow, circle, plain`)
  assert.deepEqual(rows, [{ narrow: '2', circle: 3, plain: 8 }])
  const quiet = await report('fix-sequences', ...url)
  assert.deepEqual([quiet.hasFindings, /^No sequence is behind.*\n.*b_circle cycles/.test(quiet.text)], [false, true])
  assert.match((await report('doctor', ...url)).text, /ok +sequences +none behind its column/)
  await db.query('drop table odd')
  await db.query('drop sequence a_narrow, b_circle')
})

test('a sequence is never set back behind what somebody drew from it without an insert', async () => {
  await db.query('create sequence drawn')
  await db.query("create table ticket (id bigint default nextval('drawn'))")
  await db.query('insert into ticket values (3)')
  await using other = await db.begin()
  await other.query('alter sequence drawn increment by 1') // Reading it is free, setting it waits.
  const fixing = report('fix-sequences', ...url)
  await untilWaiting(1)
  await other.query("select nextval('drawn') from generate_series(1, 5)")
  await other.commit()
  await fixing
  assert.deepEqual((await db.query("select nextval('drawn')")).rows, [{ nextval: '6' }])
  await db.query('drop table ticket')
  await db.query('drop sequence drawn')
})

test('doctor tells of migrations, invalid indexes and tables without a key', async () => {
  writeNotes()
  const before = await report('doctor', ...url)
  assert.match(before.text, new RegExp(`^${placeOf(made.url)}\n`))
  assert.match(before.text, /WARN +migrations +1 of 1 pending\n +plinth migrate run/)
  await report('migrate', 'run', ...url)
  await db.query(`update pg_index set indisvalid = false where indexrelid = 'album_pkey'::regclass`)
  const { text, data } = await report('doctor', ...url)
  assert.match(text, /ok +migrations +all 1 applied/)
  assert.match(text, /FAIL +indexes +invalid: album_pkey/)
  assert.match(text, /note +primary keys +none: notes/)
  assert.ok(typeof data === 'object' && data !== null && 'checks' in data && Array.isArray(data.checks))
  await db.query(`update pg_index set indisvalid = true where indexrelid = 'album_pkey'::regclass`)
})

test('doctor compares pool.max with what the server lets in', async () => {
  const pool = { max: 50_000 }
  write('large.config.ts', `export default ${JSON.stringify({ url: made.url, ...folders, pool })}`)
  const { text } = await report('doctor', '--no-drift', '--config', join(folder, 'large.config.ts'))
  assert.match(text, /WARN +connections +\d+ of \d+, pool\.max 50000\n +Make pool\.max smaller/)
  assert.doesNotMatch(text, /drift/)
})

test('doctor tells the one thing that is not what the migrations make, and what the entities have besides', async () => {
  writeNotes()
  const server = process.env['PLINTH_TEST_DATABASE_URL'] ?? ''
  await using own = await createTestDatabase({ server: { url: server } })
  await using database = createDatabase({ url: own.url })
  const config = (name: string, scratch: string): string[] => {
    write(
      name,
      `export default ${JSON.stringify({ url: own.url, ...folders, entities: join(folder, 'tables.ts'), scratch })}`,
    )
    return ['--config', join(folder, name)]
  }
  write(
    'tables.ts',
    `import { pgTable, text } from 'drizzle-orm/pg-core'\nexport const notes = pgTable('notes', { text: text() })`,
  )
  const named = config('own.config.ts', server)
  const before = await report('doctor', ...named)
  assert.match(before.text, /WARN +migrations +1 of 1 pending/)
  assert.doesNotMatch(before.text, /drift/, 'nothing ran, so nothing can have drifted')
  await report('migrate', 'run', ...named)
  assert.match((await report('doctor', ...named)).text, /ok +drift +none: the database is what its migrations make\n/)
  await database.query('alter table notes add column by_hand int')
  const { text, hasFindings } = await report('doctor', ...named)
  assert.match(text, /FAIL +drift +column notes\.by_hand: in the database, not in the migrations \(integer\)\n/)
  assert.match(text, /WARN +entities +no migration makes: CREATE TABLE "notes"/)
  assert.equal(hasFindings, true)
  // The setting is read, and a comparison that cannot be made costs nothing else.
  const nowhere = await report('doctor', ...config('nowhere.config.ts', 'postgres://a@127.0.0.1:1/none'))
  assert.match(nowhere.text, /ok +migrations +all 1 applied\n {2}WARN +drift +not compared: .*127\.0\.0\.1/)
  const lost = await report('doctor', ...named, '--entities', join(folder, 'lost.ts'))
  assert.match(lost.text, /WARN +drift +not compared: There is no file .*lost\.ts with the entities/)
  const folderless = await report('doctor', ...named, '--migrations', join(folder, 'none'))
  assert.match(folderless.text, /ok +server[^]*FAIL +migrations +.*none/)
})

test('tasks are listed, shown and retried, and dead letters redriven', async () => {
  await installSchema(db)
  const failing = task('welcome', () => Promise.reject(new RangeError('no mailbox, password=s3cret')), {
    retry: { attempts: 1 },
  })
  const id = await db.transaction(async (tx) => (await enqueue(tx, failing, { to: 'ada' })).id)
  assert.match((await report('tasks', 'ls', ...url)).text, new RegExp(`\n +${id} +welcome +ready +0 `))
  const worker = await startWorker(db, [failing])
  const isDead = async (): Promise<boolean> => (await report('tasks', 'show', id, ...url)).text.includes('dead')
  for (let left = 1000; left > 0 && !(await isDead()); left--) await sleep(10)
  await worker.close()
  const shown = (await report('tasks', 'show', id, ...url)).text
  assert.match(shown, /State +dead[^]*Last error +RangeError: no mailbox, password='\*\*\*'\n +Input +\{"to":"ada"\}/)
  const dead = await report('dead', 'ls', ...url)
  assert.deepEqual([dead.hasFindings, dead.text.includes("RangeError: no mailbox, password='***'")], [true, true])
  await assert.rejects(report('dead', 'redrive', ...url), { name: 'UsageError', message: /an id, --name, or --all/ })
  await assert.rejects(report('dead', 'redrive', id, '--all', ...url), { name: 'UsageError' })
  assert.equal((await report('dead', 'redrive', '--name', 'welcome', ...url)).text, '1 run again.')
  assert.equal((await report('dead', 'ls', ...url)).text, 'There are no dead letters.')
  assert.match((await report('tasks', 'retry', id, ...url)).text, /is ready for the next free worker/)
  assert.equal((await report('tasks', 'ls', '--state', 'done', ...url)).text, 'There is no such task.')
  await assert.rejects(report('tasks', 'ls', '--state', 'lost', ...url), { name: 'UsageError' })
})

test('a reset that is interrupted in a seed undoes that seed and ends', async () => {
  writeNotes()
  const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
  await using own = await createTestDatabase({ server })
  await using database = createDatabase({ url: own.url })
  write(
    'slow/010_slow.ts',
    `import { defineSeed } from 'plinth/migrate'
export default defineSeed(async (tx) => {
  await tx.query("insert into notes values ('half')")
  await tx.query('select pg_sleep(60)')
})`,
  )
  const seeds = ['--seeds', join(folder, 'slow'), '--migrations', folders.migrations]
  await using command = plinth(['reset', ...seeds, '--url', own.url])
  const isSleeping = `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`
  for (let left = 6000; left > 0 && (await database.query(isSleeping)).rowCount === 0; left--) await sleep(10)
  const { code, stdout, stderr } = await command.stop('SIGINT')
  assert.deepEqual([code, stdout], [1, ''], stderr)
  assert.match(stderr, /^0001_notes applied .*\n010_slow\nplinth: The seed 010_slow failed: .*\n$/m)
  assert.deepEqual((await database.query('select from notes')).rowCount, 0)
})

// Last, for it drops the tables.
test('reset drops, migrates and seeds, refuses what is marked as production, and seeds run once', async () => {
  writeNotes()
  write(
    'seeds/010_notes.ts',
    `import { defineSeed } from 'plinth/migrate'
export default defineSeed(async (tx) => void (await tx.query("insert into notes values ('first')")))`,
  )
  const done = await report('reset', ...url)
  assert.match(done.text, /^Dropped what was there\.\n {2}0001_notes +migrated +.*\n {2}010_notes +ran +/)
  assert.deepEqual((await db.query('select text from notes')).rows, [{ text: 'first' }])
  assert.match((await report('seed', ...url)).text, /010_notes +ran before$/)
  assert.equal((await report('mark', 'production', ...url)).text, 'The database is marked: production.')
  for (const words of [
    ['reset'],
    ['seed'],
    ['migrate', 'revert'],
    ['migrate', 'redo'],
    ['reset', '--force'],
    ['mark', 'test'],
  ])
    await assert.rejects(report(...words, ...url), { code: 'ProductionRefused' }, words.join(' '))
  assert.match((await report('seed', '--env', 'production', ...url)).text, /ran before/)
  await report('reset', '--force', '--force-production', made.name, ...url)
  assert.equal(
    (await report('mark', 'test', '--force', '--force-production', made.name, ...url)).text,
    'The database is marked: test.',
  )
  await report('reset', '--env', 'test', ...url)
  write('other/migrations/0001_lines/up.sql', 'create table lines (text text);')
  mkdirSync(join(folder, 'other/seeds'))
  const others = ['--migrations', join(folder, 'other/migrations'), '--seeds', join(folder, 'other/seeds')]
  assert.match(
    (await report('reset', ...others, '--lock-wait', '1', ...url)).text,
    /0001_lines +migrated .*\nThere are no seeds in /,
  )
  assert.match((await report('seed', '--seeds', join(folder, 'other/seeds'), ...url)).text, /There are no seeds/)
  await assert.rejects(report('mark', 'staging', ...url), { name: 'UsageError' })
})
