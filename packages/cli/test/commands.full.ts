import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createDatabase, type Database } from 'plinth'
import { createTestDatabase, type TestDatabase } from 'plinth/testing'
import { chinookFile, withoutChinook } from './support/chinook.ts'
import { plinth, temporaryFolder } from './support/command.ts'

// What docs/guides/commands.md shows of each command is compared with what the command prints on the Chinook sample
// database, line by line. Numbers, times and the user may differ, the width of columns too.

const skip = withoutChinook
const cwd = temporaryFolder()
const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
const guide = readFileSync(new URL('../../../docs/guides/commands.md', import.meta.url), 'utf8')
let made: TestDatabase
let db: Database

function write(path: string, text: string): void {
  mkdirSync(dirname(join(cwd, path)), { recursive: true })
  writeFileSync(join(cwd, path), text)
}

const run = (line: string): ReturnType<typeof plinth>['ended'] => plinth(line.split(' ').slice(1), { cwd }).ended

const entities =
  `import { integer, pgTable } from 'drizzle-orm/pg-core'\n` +
  `export const users = pgTable('users', { id: integer().primaryKey() })`

/** Twelve migrations of which the first made Chinook, a sequence that fell behind, and a column that no migration made. */
before(async () => {
  if (chinookFile === undefined) return
  made = await createTestDatabase({ server })
  db = createDatabase({ url: made.url, pool: { max: 4 } })
  symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(cwd, 'node_modules'))
  const config = { url: made.url, entities: './entities.ts', scratch: server.url }
  write('plinth.config.ts', `export default ${JSON.stringify(config)}`)
  write('entities.ts', entities)
  write('migrations/0001_chinook/up.sql', readFileSync(chinookFile, 'utf8'))
  assert.equal((await run('plinth migrate generate users')).code, 0)
  for (let number = 3; number <= 12; number++)
    write(`migrations/${String(number).padStart(4, '0')}_note/up.sql`, `comment on table users is '${number}'`)
  const { code, stderr } = await run('plinth migrate run')
  assert.equal(code, 0, stderr)
  await db.query('alter table users add column age int')
  for (const table of ['album', 'artist']) await db.query(`alter sequence ${table}_${table}_id_seq restart`)
})
after(async () => {
  if (chinookFile === undefined) return
  await db.close()
  await made.drop()
})

/** What the guide shows behind `$ plinth …`, the n-th time. */
function shown(line: string, at = 0): string[] {
  const samples = [...guide.matchAll(/^\$ (plinth .*)\n([\s\S]*?)(?=^```$|^\n?\$ )/gm)]
  const found = samples.filter(([, command]) => command === line)[at]?.[2]
  assert.ok(found, `the guide shows no ${line}`)
  return linesOf(found)
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map(plain)
    .filter((line) => line !== '')
}

function plain(line: string): string {
  return line
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/^[\w.]+:\d+\/\w+$/, 'PLACE')
    .replaceAll(/\d[\d,.]*/g, 'N')
    .replaceAll(/N (?:ms|s|min)\b/g, 'N s')
    .replaceAll(/\(\w+\)(?=,| )(?! of)/g, '(USER)')
    .replaceAll(/role \w+, a superuser/g, 'role USER, a superuser')
    .replaceAll(/ +/g, ' ')
    .trim()
}

async function printed(line: string): Promise<string[]> {
  const { stdout, stderr } = await run(line)
  assert.doesNotMatch(stderr, /plinth:/)
  return linesOf(stdout)
}

for (const line of ['plinth health', 'plinth schema album'])
  test(`${line} prints what the guide shows`, { skip }, async () => {
    assert.deepEqual(await printed(line), shown(line))
  })

test('plinth tables prints what the guide shows, among others', { skip }, async () => {
  await db.query('analyze album, artist, invoice_line')
  const lines = await printed('plinth tables')
  assert.deepEqual(
    shown('plinth tables').filter((line) => !lines.includes(line)),
    [],
  )
  assert.ok(lines.includes(plain('genre not analyzed 24 kB table')), lines.join('\n'))
})

test('plinth doctor prints what the guide shows', { skip }, async () => {
  // It proves the migrations on a server that it starts, which takes a busy machine longer than a transaction may idle.
  await using patient = createDatabase({ url: made.url, idleInTransactionTimeoutMs: 120_000 })
  const looking = patient.transaction(
    async (tx) => {
      await tx.query('select 1')
      return await printed('plinth doctor')
    },
    { timeoutMs: 120_000 },
  )
  // A server for tests has other settings than one of people.
  const spoken = (lines: readonly string[]): string[] => lines.filter((line) => !/durability|A crash of/.test(line))
  assert.deepEqual(spoken(await looking), spoken(shown('plinth doctor')))
})

test('plinth fix-sequences prints what the guide shows', { skip }, async () => {
  for (const line of ['plinth fix-sequences --dry-run', 'plinth fix-sequences'])
    assert.deepEqual(await printed(line), shown(line))
  await db.query('create sequence ticket_number as int')
  await db.query('create sequence ticket_desk maxvalue 5 cycle')
  await db.query(`create table ticket (number bigint default nextval('ticket_number'),
    desk int default nextval('ticket_desk'))`)
  await db.query('insert into ticket values (9999999999, 5)')
  await db.query('alter sequence genre_genre_id_seq restart')
  assert.deepEqual(new Set(await printed('plinth fix-sequences')), new Set(shown('plinth fix-sequences', 1)))
})

test('plinth queries and plinth locks print what the guide shows', { skip }, async () => {
  await using billing = createDatabase({ url: made.url, service: 'billing', statementTimeoutMs: 120_000 })
  await using reports = createDatabase({
    url: made.url,
    service: 'reports',
    statementTimeoutMs: 120_000,
    lockTimeoutMs: 120_000,
  })
  const stop = new AbortController()
  const sleeping = billing.transaction(
    async (tx) => {
      await tx.query('lock table invoice in access exclusive mode')
      await tx.query('select pg_sleep(100)', [], { signal: stop.signal })
    },
    { retry: { attempts: 1 }, timeoutMs: 120_000 },
  )
  const failed = assert.rejects(sleeping, { code: 'Cancelled' })
  await untilThere('PgSleep')
  const waiting = reports.query('select sum(total) from invoice')
  await untilThere('relation')
  assert.deepEqual(await printed('plinth queries --over 0'), shown('plinth queries --over 5'))
  assert.deepEqual(await printed('plinth locks'), shown('plinth locks'))
  stop.abort()
  await failed
  await waiting
})

async function untilThere(event: string): Promise<void> {
  const text = `select from pg_stat_activity where datname = current_database() and wait_event = $1`
  for (let left = 3000; left > 0; left--) {
    if ((await db.query(text, [event])).rowCount > 0) return
    await sleep(10)
  }
  assert.fail(`nobody waits for ${event}`)
}
