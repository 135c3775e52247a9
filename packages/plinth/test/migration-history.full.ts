import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { sql } from 'drizzle-orm'
import * as pg from 'drizzle-orm/pg-core'
import { createDatabase } from '../src/index.ts'
import { addMigration } from '../src/migrate/migration-folder.ts'
import {
  checkMigrations,
  generateMigration,
  type GenerateOptions,
  lintMigrations,
  readMigrations,
  revertMigrations,
  runMigrations,
} from '../src/migrate.ts'
import { catalogDifferences } from '../src/migrate/catalog-difference.ts'
import { type CatalogState, readCatalogState } from '../src/migrate/catalog-state.ts'
import { testDatabase, testServer } from './support/database.ts'
import { migrationFolder } from './support/migrations.ts'

type Row = Readonly<Record<string, unknown>>
type Rows = Readonly<Record<string, readonly Row[]>>

interface Moment {
  readonly catalog: CatalogState
  readonly rows: Rows
}

interface Step {
  readonly what: string
  readonly write: () => Promise<void>
  /** Run at the end: rows for those that follow. */
  readonly fill?: string
  /** What the rows are after it, given those before. Default: each value that was there still is. */
  readonly changed?: (row: Row, table: string) => Row
  /** What the way back cannot bring back. Default: nothing. */
  readonly lost?: (row: Row) => Row
}

const { url: scratch } = await testServer()
const database = await testDatabase()
const db = createDatabase({ url: database.url })
after(() => db.close())
const folder = migrationFolder({})

const id = pg.integer().primaryKey().generatedAlwaysAsIdentity()
const mood2 = pg.pgEnum('mood', ['sad', 'ok'])
const mood3 = pg.pgEnum('mood', ['sad', 'ok', 'glad'])
const teams = pg.pgTable('teams', { id, title: pg.text().notNull() })
const bio = pg.text()

// The columns of users from step to step.
const texts = { bio, nickname: pg.text() }
const first = { id, ...texts, mood: mood2().default('ok') }
const name = pg.varchar({ length: 120 })
const renamed = (length: number) => pg.varchar('full_name', { length })
const required = { fullName: renamed(200).notNull(), email: pg.text().notNull() }
const teamed = { ...required, team: pg.integer('team_id').references(() => teams.id) }
const glad = { id, ...teamed, mood: mood3().default('ok') }
const initial = pg.text().generatedAlwaysAs(sql`left(full_name, 1)`)

type WithEmail = { readonly email: pg.ExtraConfigColumn }
const byEmail = ({ email }: WithEmail) => pg.uniqueIndex('users_email').on(email)
const hasAt = ({ email }: WithEmail) => pg.check('users_email_has_at', sql`${email} like '%@%'`)
const both = (t: WithEmail) => [byEmail(t), hasAt(t)]

function profilesOf(users: { readonly id: pg.AnyPgColumn }) {
  const userId = pg.integer('user_id').primaryKey()
  return pg.pgTable('profiles', { userId: userId.references(() => users.id), bio })
}

async function generated(name: string, said: Row, more: Partial<GenerateOptions> = {}): Promise<void> {
  const result = await generateMigration({ folder, name, entities: said, scratch, ...more })
  assert.equal(result.kind, 'written', JSON.stringify(result))
}

/** Changes a file of the last migration as somebody would in an editor; its statements are `\n\n` apart. */
function edit(file: 'up.sql' | 'down.sql', change: (statements: readonly string[]) => readonly string[]): void {
  const path = join(folder, readdirSync(folder).sort().at(-1) ?? '', file)
  writeFileSync(path, `${change(readFileSync(path, 'utf8').trim().split('\n\n')).join('\n\n')}\n`)
}

/** Puts a statement in front of the first one that reads so. */
function before(start: RegExp, statement: string): (statements: readonly string[]) => readonly string[] {
  return (statements) => {
    const at = statements.findIndex((one) => start.test(one))
    assert.ok(at >= 0, statements.join('\n'))
    return statements.toSpliced(at, 0, statement)
  }
}

const last = { mood: mood3, teams }

const steps: readonly Step[] = [
  {
    what: 'create',
    write: () => generated('users', { mood: mood2, users: pg.pgTable('users', { ...first, name }) }),
    fill: `insert into users (name, bio, nickname) values ('Ada', 'Wrote notes.', 'A'), ('Grace', null, null), ('Edsger', 'Went to.', 'E')`,
  },
  {
    what: 'add',
    write: () => generated('email', { mood: mood2, users: pg.pgTable('users', { ...first, name, email: pg.text() }) }),
    fill: `update users set email = lower(name) || '@example.com' where name <> 'Grace'`,
    changed: (row) => ({ ...row, email: null }),
  },
  {
    what: 'rename',
    write: () => {
      const users = pg.pgTable('users', { ...first, fullName: renamed(120), email: pg.text() })
      const renames = [{ from: 'users.name', to: 'users.full_name' }]
      return generated('full_name', { mood: mood2, users }, { renames })
    },
    changed: ({ name: former, ...row }) => ({ ...row, full_name: former }),
  },
  {
    what: 'type change',
    write: () => {
      const users = pg.pgTable('users', { ...first, fullName: renamed(200), email: pg.text() })
      return generated('longer_name', { mood: mood2, users })
    },
  },
  {
    what: 'not null',
    write: () => {
      const using = { 'users.email': `full_name || '@example.org'`, 'users.full_name': `''` }
      return generated('required', { mood: mood2, users: pg.pgTable('users', { ...first, ...required }) }, { using })
    },
    changed: (row) => ({ ...row, email: row['email'] ?? `${String(row['full_name'])}@example.org` }),
    // What was filled in stays: nobody knows any more that it was null.
    lost: (row) => ({ ...row, email: row['email'] ?? `${String(row['full_name'])}@example.org` }),
  },
  {
    what: 'foreign key',
    write: () => generated('teams', { mood: mood2, teams, users: pg.pgTable('users', { ...first, ...teamed }) }),
    fill: `insert into teams (title) values ('Compilers'); update users set team_id = 1 where full_name = 'Grace'`,
    changed: (row) => ({ ...row, team_id: null }),
  },
  {
    what: 'index concurrently, written by hand',
    write: async () => {
      await addMigration(folder, 'email_index', {
        'up.sql': '-- plinth: no-transaction\ncreate unique index concurrently users_email on users (email);\n',
        'down.sql': '-- plinth: no-transaction\ndrop index concurrently users_email;\n',
      })
      const users = pg.pgTable('users', { ...first, ...teamed }, (t) => [byEmail(t)])
      const entities = { mood: mood2, teams, users }
      const recorded = await generateMigration({ folder, name: 'none', entities, scratch })
      assert.deepEqual(recorded, { kind: 'recorded', id: '0007_email_index' })
    },
  },
  {
    what: 'enum value',
    write: () => generated('glad', { ...last, users: pg.pgTable('users', { ...glad, ...texts }, (t) => [byEmail(t)]) }),
  },
  {
    what: 'check',
    write: () => generated('email_check', { ...last, users: pg.pgTable('users', { ...glad, ...texts }, both) }),
  },
  {
    what: 'generated column',
    write: () => generated('initial', { ...last, users: pg.pgTable('users', { ...glad, ...texts, initial }, both) }),
    changed: (row, table) => (table === 'users' ? { ...row, initial: String(row['full_name'])[0] } : row),
  },
  {
    what: 'split a table, with SQL by hand',
    write: async () => {
      const users = pg.pgTable('users', { ...glad, nickname: texts.nickname, initial }, both)
      await generated('profiles', { ...last, users, profiles: profilesOf(users) }, { drops: ['users.bio'] })
      const copy = 'insert into profiles (user_id, bio) select id, bio from users where bio is not null;'
      edit('up.sql', before(/DROP COLUMN "bio"/, copy))
      const back = 'update users set bio = p.bio from profiles p where p.user_id = users.id;'
      // Of the two that drizzle-kit wrote, the new column has to come first.
      edit('down.sql', (statements) => before(/DROP TABLE "profiles"/, back)(statements.toReversed()))
    },
    changed: ({ bio: _, ...row }) => row,
  },
  {
    what: 'drop',
    write: async () => {
      const users = pg.pgTable('users', { ...glad, initial }, both)
      await generated('no_nickname', { ...last, users, profiles: profilesOf(users) }, { drops: ['users.nickname'] })
    },
    changed: ({ nickname: _, ...row }) => row,
    lost: (row) => ('nickname' in row ? { ...row, nickname: null } : row),
  },
]

async function now(): Promise<Moment> {
  const catalog = await readCatalogState(db)
  const tables = [...catalog.values()].filter(({ kind }) => kind === 'table').map(({ name }) => name)
  const rows = await Promise.all(
    tables.map(async (name) => {
      const found = await db.query<Row>(`select * from ${name} t order by to_jsonb(t)::text`)
      return [name.replace('public.', ''), found.rows.map(sorted)] as const
    }),
  )
  return { catalog, rows: Object.fromEntries(rows) }
}

/** A column that went and came back stands behind the others. */
function sorted(row: Row): Row {
  return Object.fromEntries(Object.entries(row).sort(([one], [other]) => (one < other ? -1 : 1)))
}

function mapped(rows: Rows, change: (row: Row, table: string) => Row): Rows {
  const tables = Object.entries(rows).map(
    ([table, all]) => [table, all.map((row) => sorted(change(row, table)))] as const,
  )
  return Object.fromEntries(tables)
}

/** Whatever order they are found in, and of the tables that both moments have. */
function sameRows(found: Rows, expected: Rows, what: string): void {
  const texts = (rows: readonly Row[] = []): string[] => rows.map((row) => JSON.stringify(row)).sort()
  for (const table of Object.keys(expected))
    assert.deepEqual(texts(found[table]), texts(expected[table]), `${what}: ${table}`)
}

function sameCatalog(found: Moment, expected: Moment, what: string): void {
  assert.deepEqual(catalogDifferences(expected.catalog, found.catalog), [], what)
}

/** Up, down to what was there before, and up again. */
async function take(t: TestContext, { what, write, fill, changed = same, lost = same }: Step): Promise<void> {
  await write()
  const before = await now()
  const [ran] = await runMigrations(db, { folder })
  const up = await now()
  sameRows(up.rows, mapped(before.rows, changed), `${what}, up`)
  await revertMigrations(db, { folder })
  const back = await now()
  sameCatalog(back, before, `${what}, down`)
  sameRows(back.rows, mapped(before.rows, lost), `${what}, down`)
  await runMigrations(db, { folder })
  const again = await now()
  sameCatalog(again, up, `${what}, up again`)
  sameRows(again.rows, mapped(back.rows, changed), `${what}, up again`)
  const count = Object.values(again.rows).reduce((sum, rows) => sum + rows.length, 0)
  const found = `${again.catalog.size} objects and ${count} rows as they should be`
  t.diagnostic(`${ran?.id ?? ''}, ${what}: up, down, up again; ${found}`)
  if (fill === undefined) return
  await using session = await db.session()
  await session.script(fill)
}

const same = (row: Row): Row => row

test('twelve steps of a schema, each there and back and there again, lose no row and leave no trace', async (t) => {
  await db.connect()
  const empty = await now()
  for (const step of steps) await take(t, step)
  const end = await now()

  const { drift, conflicts } = await checkMigrations(db, { folder, scratch })
  assert.deepEqual([drift, conflicts], [[], []])
  const findings = await lintMigrations(await readMigrations(folder))
  t.diagnostic(`lint: ${findings.map(({ id, rule }) => `${id} ${rule}`).join(', ')}`)

  await revertMigrations(db, { folder, steps: steps.length })
  sameCatalog(await now(), empty, 'all reverted')
  await runMigrations(db, { folder })
  sameCatalog(await now(), end, 'all run again')
  t.diagnostic(`All ${steps.length} reverted and run again: ${end.catalog.size} objects as before.`)

  await db.query(`insert into users (full_name, email, mood) values ('Barbara', 'b@example.com', 'glad')`)
  const full = await now()
  const toEnum = steps.length - steps.findIndex(({ what }) => what === 'enum value')
  await assert.rejects(revertMigrations(db, { folder, steps: toEnum }), {
    code: 'MigrationFailed',
    message: /^0008_glad was not reverted: .*invalid input value for enum mood: "glad"/,
  })
  await runMigrations(db, { folder })
  sameCatalog(await now(), full, 'the value of an enum that a row holds stays')
  t.diagnostic('0008_glad is not reverted while a row is glad, and the row is kept')
})
