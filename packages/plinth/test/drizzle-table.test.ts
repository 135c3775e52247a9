import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  bigint,
  bigserial,
  boolean,
  bytea,
  customType,
  date,
  doublePrecision,
  index,
  integer,
  jsonb,
  numeric,
  pgEnum,
  pgSchema,
  pgTable,
  point,
  primaryKey,
  text,
  time,
  timestamp,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core'
import { table } from '../src/operation/table.ts'
import { testDatabase } from './support/database.ts'
import { pgRunner } from './support/pg-runner.ts'

const mood = pgEnum('mood', ['sad', 'ok, "fine"'])
const citext = customType<{ data: string }>({ dataType: () => 'varchar' })

const kinds = pgTable('kind', {
  id: bigserial({ mode: 'number' }).primaryKey(),
  bigNumber: bigint('big_number', { mode: 'number' }),
  bigBig: bigint('big_big', { mode: 'bigint' }),
  price: numeric(),
  priceNumber: numeric('price_number', { mode: 'number' }),
  priceBig: numeric('price_big', { mode: 'bigint' }),
  at: timestamp({ withTimezone: true }),
  local: timestamp(),
  localText: timestamp('local_text', { mode: 'string' }),
  day: date(),
  dayDate: date('day_date', { mode: 'date' }),
  clock: time(),
  document: jsonb().$type<{ a: number[] }>(),
  bytes: bytea(),
  flag: boolean(),
  half: doublePrecision(),
  mood: mood(),
  moods: mood().array(),
  bigs: bigint({ mode: 'bigint' }).array(),
  uid: uuid().array(),
  code: varchar({ length: 9 }),
  custom: citext(),
})

const script = `
  create type mood as enum ('sad', 'ok, "fine"');
  create table kind (
    id bigserial primary key, big_number int8, big_big int8, price numeric, price_number numeric, price_big numeric,
    at timestamptz, local timestamp, local_text timestamp, day date, day_date date, clock time, document jsonb,
    bytes bytea, flag bool, half float8, mood mood, moods mood[], bigs int8[], uid uuid[], code varchar(9), custom varchar);
  create schema team;
  create table team.member (team_id int, user_id int, role text not null, primary key (team_id, user_id));
  create table made (id uuid primary key, email text unique, token text not null, changes int not null);
`
const { url } = await testDatabase({ script })
const runner = pgRunner(url)
after(() => runner.close())

test('every column of a Drizzle table is read as $inferSelect promises, under its property', async () => {
  const row = {
    bigNumber: 9007199254740991,
    bigBig: -9223372036854775808n,
    price: '0.10',
    priceNumber: 0.1,
    priceBig: 12345678901234567890n,
    at: new Date('2026-11-20T13:45:00.123Z'),
    local: new Date('2026-11-20T13:45:00.123Z'),
    localText: '2026-11-20 13:45:00.123456',
    day: '2026-11-20',
    dayDate: new Date('2026-11-20T00:00:00Z'),
    clock: '13:45:00',
    document: { a: [1, 2] },
    bytes: Uint8Array.from([0, 255]),
    flag: false,
    half: Number.NEGATIVE_INFINITY,
    mood: 'ok, "fine"' as const,
    moods: ['sad' as const, 'ok, "fine"' as const],
    bigs: [1n, 9223372036854775807n],
    uid: ['3f2a1b4c-0d9e-4f8a-9b7c-1234567890ab'],
    code: 'NULL',
    custom: 'x',
  }
  const rows = table(kinds)
  const made = await runner.run(rows.insert(row))
  assert.deepEqual(made, { id: 1, ...row })
  assert.deepEqual(await runner.run(rows.get(1)), made)
  assert.deepEqual(await runner.run(rows.find({ bigBig: row.bigBig, mood: row.mood, bytes: row.bytes, at: row.at })), [
    made,
  ])
  assert.deepEqual(await runner.run(rows.update(1, { bigBig: null, half: Number.NaN })), {
    ...made,
    bigBig: null,
    half: Number.NaN,
  })
})

test('a bigint that no JavaScript number can hold is an error in a number column, not another number', async () => {
  const rows = table(kinds)
  await runner.client.query('insert into kind (id, big_number) values (50, 9007199254740993)')
  await assert.rejects(runner.run(rows.get(50)), { code: 'InvalidValue' })
  assert.deepEqual(await runner.run(rows.first({ id: 50 }, { select: ['id'] })), { id: 50 })
  await runner.client.query('update kind set big_number = 1, price_big = 1.5 where id = 50')
  await assert.rejects(runner.run(rows.get(50)), { code: 'InvalidValue' })
})

test('a composite key is read from the table, in a schema, and takes an object', async () => {
  const member = pgSchema('team').table(
    'member',
    { teamId: integer('team_id'), userId: integer('user_id'), role: text().notNull() },
    (self) => [index('by_role').on(self.role), primaryKey({ columns: [self.teamId, self.userId] })],
  )
  const members = table(member)
  await runner.run(members.insertMany([1, 2, 3].map((userId) => ({ teamId: 1, userId, role: 'reader' }))))
  assert.deepEqual(await runner.run(members.get({ userId: 2, teamId: 1 })), { teamId: 1, userId: 2, role: 'reader' })
  assert.equal((await runner.run(members.update({ teamId: 1, userId: 2 }, { role: 'owner' }))).role, 'owner')
  assert.equal((await runner.run(members.upsert({ teamId: 1, userId: 2, role: 'writer' }))).role, 'writer')
  const page = await runner.run(members.page({ teamId: 1 }, { size: 2, order: [{ role: 'desc' }] }))
  assert.deepEqual(
    page.rows.map(({ userId }) => userId),
    [2, 1],
  )
  const rest = await runner.run(members.page({ teamId: 1 }, { size: 2, order: [{ role: 'desc' }], after: page.next }))
  assert.deepEqual(
    rest.rows.map(({ userId }) => userId),
    [3],
  )
  for (const key of [{ teamId: 1 }, { teamId: 1, userId: 2, role: 'owner' }, {}])
    assert.throws(() => members.get(key), { code: 'InvalidOperation' })
})

test('values that Drizzle makes itself are made, and an upsert does not overwrite with them', async () => {
  let made = 0
  const accounts = table(
    pgTable('made', {
      id: uuid()
        .primaryKey()
        .$defaultFn(() => crypto.randomUUID()),
      email: text(),
      token: text()
        .notNull()
        .$defaultFn(() => `token ${++made}`),
      changes: integer()
        .notNull()
        .$onUpdate(() => ++made),
    }),
  )
  const first = await runner.run(accounts.insert({ email: 'a' }))
  assert.equal(first.token, 'token 1')
  assert.equal(first.changes, 2)
  const changed = await runner.run(accounts.update(first.id, { email: 'b' }))
  assert.deepEqual(changed, { ...first, email: 'b', changes: 3 })
  const upserted = await runner.run(accounts.upsert({ email: 'b' }, { on: ['email'] }))
  assert.equal(upserted.id, first.id)
  assert.equal(upserted.token, 'token 1')
  assert.equal(upserted.changes, 5)
  assert.throws(() => accounts.updateAll({ email: undefined }), { code: 'InvalidOperation' })
})

test('a Drizzle column whose promised value we do not make is refused', () => {
  const mapped = customType<{ data: Date; driverData: string }>({
    dataType: () => 'text',
    fromDriver: (at) => new Date(at),
  })
  for (const column of [point(), point({ mode: 'xy' }), mapped()])
    assert.throws(() => table(pgTable('place', { id: integer().primaryKey(), column })), { code: 'InvalidOption' })
})

test('what is no column of a Drizzle table is an error that names it', () => {
  const rows = table(kinds)
  const wrong: (() => unknown)[] = [
    () => rows.find(JSON.parse('{"nope": 1}')),
    () => rows.find(JSON.parse('{"__proto__": 1}')),
    () => rows.find(JSON.parse('{"constructor": 1}')),
    () => rows.insert(JSON.parse('{"big_number": 1}')),
    () => rows.find({}, { select: JSON.parse('["toString"]') }),
    () => rows.find({}, { order: JSON.parse('["hasOwnProperty"]') }),
  ]
  for (const build of wrong) assert.throws(build, { code: 'InvalidOperation', message: /^kind has no column "\w+"\.$/ })
})

test('a list or an object is refused where a Drizzle column holds a single value', () => {
  const rows = table(kinds)
  const wrong = [{ code: ['a'] }, { code: { a: 1 } }, { flag: [] }, { moods: [{ a: 1 }] }, { at: { toISOString: 'x' } }]
  for (const row of wrong)
    assert.throws(() => rows.insert(JSON.parse(JSON.stringify(row))), { code: 'InvalidOperation' })
})
