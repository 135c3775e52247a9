import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inspect } from 'node:util'
import * as Sentry from '@sentry/node'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { createDatabase, logObservations, type Observation, onObservations } from '../src/index.ts'
import { observationKinds } from '../src/observe/observation.ts'
import { openTelemetryObservations } from '../src/otel.ts'
import { prometheusObservations } from '../src/prometheus.ts'
import { sentryObservations } from '../src/sentry.ts'
import { testDatabase } from './support/database.ts'
import { driveIncidents } from './support/telemetry-drives.ts'
import { startOpenTelemetry } from './support/otel.ts'
import { startSentry } from './support/sentry.ts'

const random = (): string => crypto.randomUUID().replaceAll('-', '')

// A row value and a password go through everything that can go right or wrong; neither may come out of telemetry.
const marker = `canary${random()}`
const password = `secret${random()}`

const { url } = await testDatabase({
  script: `create table users (id int primary key, name text not null unique check (name <> 'forbidden'), age int);
    create table pets (owner text references users (name));
    create table notes (text text);
    create table late (owner text references users (name) deferrable initially deferred);
    create table warned (text text);
    create function warn() returns trigger language plpgsql as $$
      begin raise warning sqlstate '01000' using message = new.text; return null; end $$;
    create constraint trigger warn after insert on warned deferrable initially deferred
      for each row execute function warn();`,
})
const role = `watcher_${random()}`
const withPassword = Object.assign(new URL(url), { username: role, password })
// Before anybody listens: this statement holds the password.
const admin = createDatabase({ url, pool: { max: 1 } })
await admin.query(`create role ${role} login password '${password}'`)
await admin.query(`grant all on all tables in schema public to ${role}`)
await admin.query(`grant create on database ${new URL(url).pathname.slice(1)} to ${role}`)

const observations: Observation[] = []
const note = (observation: Observation): number => observations.push(observation)
const lines: string[] = []
const sent = startSentry()
const sdk = startOpenTelemetry()
const registry = new Registry()
const stops = [
  onObservations(Object.fromEntries(observationKinds.map((kind) => [kind, note]))),
  logObservations(pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })),
  sentryObservations({ isReported: () => true }),
  openTelemetryObservations({ tracer: sdk.tracer, meter: sdk.meter }),
  prometheusObservations(registry),
]
const db = createDatabase({ url: withPassword.href, service: 'watched' })

const statements: readonly (readonly [about: string, text: string, values?: readonly string[]])[] = [
  ['a parameter', 'insert into users (id, name) values (1, $1)', [marker]],
  ['a literal', `select * from users where name = '${marker}'`],
  ['a unique violation', 'insert into users (id, name) values (2, $1)', [marker]],
  ['a failing row', 'insert into users (id, name) values (3, null), (4, $1)', [marker]],
  ['a foreign key', 'insert into pets (owner) values ($1)', [`${marker}x`]],
  ['a wrong number', 'insert into users (id, name) values ($1, $2)', [marker, marker]],
  ['a wrong cast', `select '${marker}'::int`],
  ['a syntax error', `select * from users where name = = '${marker}'`],
  ['broken quoting', `select * from users where name = 'O'${marker} from ${marker}'`],
  ['a value taken for a column', `select "${marker}" from users`],
  ['a value taken for a statement', `${marker} from users`],
  ['an exception of a function', `do $$ begin raise exception '${marker}' using detail = '${marker}'; end $$`],
  ...['40001', '57014', '55P03', '08006', '25006', '57P01'].map(
    (state) =>
      [`${state} by RAISE`, `do $$ begin raise sqlstate '${state}' using message = '${marker}'; end $$`] as const,
  ),
  ['a comment', `select 1 /* from ${marker} */ -- from ${marker}`],
]

async function inTransaction(text: string, values?: readonly string[]): Promise<void> {
  const failing = db.transaction((tx) => tx.query(text, values))
  await failing.catch((error: unknown) => Sentry.captureException(error))
}

/** As an ORM does: the statement and its parameters stand in the message. */
async function asOrm(): Promise<void> {
  const failing = db.transaction(async (tx) => {
    const insert = tx.query('insert into users (id, name) values (9, $1)', [marker])
    await insert.catch((cause: unknown) => {
      throw Object.assign(new Error(`Failed query: params ${marker}`, { cause }), { params: [marker] })
    })
  })
  await failing.catch(() => undefined)
}

async function inHooksAndListeners(): Promise<void> {
  const off = db.on('state', () => {
    throw new Error(marker)
  })
  using _ = onObservations({
    'statement.end': () => {
      throw new Error(marker)
    },
  })
  await db.transaction(async (tx) => {
    tx.afterCommit(() => Promise.reject(new Error(marker)))
    await tx.query('select 1')
  })
  off()
  await db.transaction(() => Promise.reject(new Error(marker))).catch(() => undefined)
}

async function cannotConnect(): Promise<void> {
  const changes = [{ port: '1' }, { pathname: '/nowhere' }, { password: `${password}wrong` }]
  for (const change of changes) {
    const away = new URL(withPassword.href)
    Object.assign(away, change)
    await using other = createDatabase({ url: away.href, service: 'away', connectTimeoutMs: 500 })
    await other.connect({ deadlineMs: 300 }).catch((error: unknown) => Sentry.captureException(error))
  }
}

async function awayReplica(): Promise<void> {
  const away = Object.assign(new URL(withPassword.href), { port: '1' })
  await using other = createDatabase({ url: withPassword.href, replicas: [away.href], service: 'away' })
  await other.read((tx) => tx.query('select $1::text', [marker]))
}

before(async () => {
  for (const [, text, values] of statements) {
    await db.query(text, values).catch(() => undefined)
    await inTransaction(text, values)
  }
  await asOrm()
  await inHooksAndListeners()
  await cannotConnect()
  await awayReplica()
  await driveIncidents(withPassword.href, marker)
  await db.close()
})
after(async () => {
  for (const stop of stops) stop()
  await sdk.stop()
  await Sentry.close()
  await admin.query(`drop owned by ${role}`)
  await admin.query(`drop role ${role}`)
  await admin.close()
})

function clean(text: string): void {
  for (const secret of [marker, password]) {
    const at = text.indexOf(secret)
    assert.equal(at, -1, `…${text.slice(Math.max(0, at - 300), at + 100)}…`)
  }
}

const depth = { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null } as const

test('no observation holds a row value or a password, not even hidden', () => {
  // commit.unreplicated needs a server that waits for a standby; unreplicated.full.ts looks at all that it holds.
  const kinds = new Set(['commit.unreplicated', ...observations.map(({ kind }) => kind)])
  assert.deepEqual(
    observationKinds.filter((kind) => !kinds.has(kind)),
    [],
  )
  assert.ok(observations.filter((one) => 'failure' in one).length > 20)
  clean(inspect(observations, depth))
})

test('no log line holds a row value or a password', () => {
  assert.ok(lines.length > 50)
  clean(lines.join('\n'))
})

test('nothing that Sentry is sent of ours holds a row value or a password', async () => {
  const events = await sent.events()
  assert.ok(events.length > 10, String(events.length))
  assert.ok((await sent.spans()).length > 50)
  clean(sent.raw.join('\n'))
})

test('no span holds a row value or a password', () => {
  assert.ok(sdk.spans().length > 50)
  clean(inspect(sdk.spans(), depth))
})

test('no metric holds a row value or a password', async () => {
  const measured = await sdk.metrics()
  assert.ok(measured.length > 0)
  clean(inspect(measured, depth))
  const text = await registry.metrics()
  assert.match(text, /plinth_statement_errors_total/)
  clean(text)
})
