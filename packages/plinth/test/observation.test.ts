import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { AsyncLocalStorage } from 'node:async_hooks'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { Database, DatabaseOptions } from '../src/database/queryable.ts'
import {
  type Observation,
  type ObservationKind,
  type ObservationOf,
  observationKinds,
} from '../src/observe/observation.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table users (id int primary key, name text not null)' })
const opened: Database[] = []
after(() => Promise.all(opened.map((db) => db.close())))

function open(options: Partial<DatabaseOptions> = {}): Database {
  const db = createDatabase({ url, service: 'observed', ...options })
  opened.push(db)
  return db
}

/** Everything observed while `work` runs. */
async function during(work: () => Promise<unknown>): Promise<Observation[]> {
  const seen: Observation[] = []
  const note = (observation: Observation): number => seen.push(observation)
  using _ = onObservations(Object.fromEntries(observationKinds.map((kind) => [kind, note])))
  await work()
  return seen
}

function only<K extends ObservationKind>(seen: readonly Observation[], kind: K): ObservationOf<K>[] {
  return seen.filter((one): one is ObservationOf<K> => one.kind === kind)
}

test('a statement is observed with its summary, rows and the database it ran on', async () => {
  const db = open()
  await db.query('select 1')
  const seen = await during(() => db.query('select * from users where id = any($1)', [[1, 2]]))
  const [end] = only(seen, 'statement.end')
  assert.equal(end?.summary, 'SELECT users')
  assert.equal(end?.rows, 0)
  assert.ok((end?.ms ?? 0) > 0)
  assert.equal(end?.failure, undefined)
  const { hostname, port, pathname } = new URL(url)
  assert.deepEqual(end?.database, {
    service: 'observed',
    host: hostname,
    port: Number(port),
    database: pathname.slice(1),
  })
})

test('a transaction is observed with its attempts, and its statements name it', async () => {
  const db = open()
  const seen = await during(() =>
    db.transaction((tx) => tx.query("insert into users values (1, 'Ada')"), { name: 'signUp' }),
  )
  const kinds = seen.map(({ kind }) => kind).filter((kind) => !/^(connection|pool)/.test(kind))
  assert.deepEqual(kinds, ['transaction.begin', 'attempt.begin', 'statement.end', 'attempt.end', 'transaction.end'])
  const refs = seen.flatMap((one) =>
    'transaction' in one && typeof one.transaction === 'object' ? one.transaction : [],
  )
  assert.equal(new Set(refs.map(({ id }) => id)).size, 1)
  assert.ok(refs.every(({ name, attempt }) => name === 'signUp' && attempt === 1))
  assert.equal(only(seen, 'transaction.end')[0]?.outcome, 'committed')
})

test('each attempt of a transaction that is run again is observed, and the failure between them', async () => {
  const db = open()
  const seen = await during(() =>
    db.transaction(async (tx) => {
      if (tx.attempt === 1) await tx.query("do $$ begin raise exception using errcode = '40001'; end $$")
    }),
  )
  const ends = only(seen, 'attempt.end')
  assert.deepEqual(
    ends.map(({ outcome, transaction, failure }) => [outcome, transaction.attempt, failure?.sqlstate]),
    [
      ['rolled back', 1, '40001'],
      ['committed', 2, undefined],
    ],
  )
  assert.equal(only(seen, 'retry')[0]?.what, 'transaction')
  const [whole] = only(seen, 'transaction.end')
  assert.deepEqual([whole?.outcome, whole?.transaction.attempt, whole?.failure], ['committed', 2, undefined])
})

test('a transaction of its owner is observed too, and one that failed has its failure', async () => {
  const db = open()
  const seen = await during(async () => {
    await using tx = await db.begin({ name: 'owned' })
    await tx.query("insert into users values (1, 'Ada')").catch(() => undefined)
  })
  assert.equal(only(seen, 'transaction.end')[0]?.outcome, 'rolled back')
  assert.deepEqual(only(seen, 'statement.end')[0]?.failure, {
    code: 'UniqueViolation',
    message: 'Unique violation of users_pkey on table users (23505) in transaction "owned".',
    sqlstate: '23505',
    phase: 'statement',
    outcome: 'not applied',
    summary: 'INSERT users',
    constraint: 'users_pkey',
    table: 'users',
  })
})

test('waiting for a connection is observed in the context of who waited', async () => {
  const db = open({ pool: { max: 1 } })
  const context = new AsyncLocalStorage<string>()
  const waits: (string | undefined)[] = []
  using _ = onObservations({ 'pool.wait': () => waits.push(context.getStore()) })
  await db.query('select 1')
  waits.length = 0
  const one = (): Promise<unknown> => db.query('select pg_sleep(0.05)')
  await Promise.all(['first', 'second'].map((name) => context.run(name, one)))
  assert.deepEqual(waits, ['second'])
})

test('a statement is observed in the context of its caller', async () => {
  const db = open()
  const context = new AsyncLocalStorage<number>()
  const seen: (number | undefined)[] = []
  using _ = onObservations({ 'statement.end': () => seen.push(context.getStore()) })
  const numbers = Array.from({ length: 20 }, (_each, i) => i)
  await Promise.all(numbers.map((i) => context.run(i, () => db.query('select $1::int', [i]))))
  assert.deepEqual(
    seen.toSorted((a = 0, b = 0) => a - b),
    numbers,
  )
})

test('states and connections are observed', async () => {
  const db = createDatabase({ url, service: 'stated' })
  const seen = await during(async () => {
    await db.query('select 1')
    await db.close()
  })
  assert.deepEqual(
    only(seen, 'connection.state').map(({ to }) => to),
    ['connecting', 'connected', 'draining', 'closed'],
  )
  assert.ok(only(seen, 'connection.open').length > 0)
})

test('a connection that the server ended is observed as lost', async () => {
  const db = open()
  const seen = await during(async () => {
    await using session = await db.session()
    await session.query('select pg_terminate_backend(pg_backend_pid())').catch(() => undefined)
  })
  assert.equal(only(seen, 'connection.lost').length, 1)
})

test('a listener that throws disturbs nobody and is observed', async () => {
  const db = open()
  const failed: string[] = []
  using _ = onObservations({
    'statement.end': () => {
      throw new TypeError('secret')
    },
    'listener.failed': ({ failure }) => failed.push(failure.message),
  })
  await db.query('select 1')
  assert.deepEqual(failed, ['TypeError'])
})

test('a subscription that ended hears nothing more', async () => {
  const db = open()
  let heard = 0
  const stop = onObservations({ 'statement.end': () => heard++ })
  await db.query('select 1')
  stop()
  await db.query('select 1')
  assert.equal(heard, 1)
})

test('with no listener no observation is made: the answer is handed through as it is', async () => {
  const { statementStart, watchStatement } = await import('../src/observe/watch.ts')
  const answer = Promise.resolve({ rowCount: 1 })
  const database = { service: 's', host: 'h', port: 1, database: 'd' }
  assert.equal(watchStatement(answer, statementStart(), database, 'select 1'), answer)
})

test('the guide has a line for each kind, and for no other', () => {
  const guide = readFileSync(new URL('../../../docs/guides/telemetry.md', import.meta.url), 'utf8')
  const [table = ''] = guide.slice(guide.indexOf('| kind | when |')).split('\n\n')
  const first = table
    .split('\n')
    .slice(2)
    .map((row) => row.split('|')[1] ?? '')
  const documented = first.flatMap((cell) => [...cell.matchAll(/`([\w.]+)`/g)].map(([, kind]) => kind))
  assert.equal(documented.length, observationKinds.length)
  assert.deepEqual(new Set(documented), new Set(observationKinds))
})

test('what other libraries do through pgPool() is observed as our own statements and transactions are', async () => {
  const db = open()
  const pool = db.pgPool()
  const seen = await during(async () => {
    await pool.query('select * from users')
    const client = await pool.connect()
    await client.query('begin')
    await client.query('select * from users where id = $1', [1])
    await client.query('commit')
    await client.query('begin')
    await client.query('select * from nowhere').catch(() => undefined)
    await client.query('rollback')
    client.release()
  })
  const statements = only(seen, 'statement.end')
  assert.deepEqual(
    statements.map(({ summary, rows, failure }) => [summary, rows, failure?.sqlstate]),
    [
      ['SELECT users', 1, undefined],
      ['SELECT users', 1, undefined],
      ['SELECT nowhere', 0, '42P01'],
    ],
  )
  const ends = only(seen, 'transaction.end')
  assert.deepEqual(
    ends.map(({ outcome, failure }) => [outcome, failure?.sqlstate]),
    [
      ['committed', undefined],
      ['rolled back', '42P01'],
    ],
  )
  assert.equal(statements[0]?.transaction, undefined)
  const inside = statements.slice(1).map(({ transaction }) => transaction?.id)
  assert.deepEqual(
    inside,
    ends.map(({ transaction }) => transaction.id),
  )
})

test('what a library does through tx.pg is observed in the transaction it works in', async () => {
  const db = open()
  const seen = await during(() => db.transaction((tx) => tx.pg.query('select * from users'), { name: 'shared' }))
  const [statement] = only(seen, 'statement.end')
  assert.deepEqual([statement?.summary, statement?.transaction?.name], ['SELECT users', 'shared'])
})

test('a transaction whose COMMIT stays unknown ends as unknown, not as rolled back', async () => {
  const db = open({ faults: { seed: 1, commitUnknown: 1 } })
  const seen = await during(() =>
    db.transaction((tx) => tx.query("insert into users values (3, 'Cyd')")).catch(() => undefined),
  )
  const [attempt, whole] = [only(seen, 'attempt.end')[0], only(seen, 'transaction.end')[0]]
  assert.deepEqual([attempt?.outcome, whole?.outcome, whole?.failure?.code], ['unknown', 'unknown', 'CommitUnknown'])
})
