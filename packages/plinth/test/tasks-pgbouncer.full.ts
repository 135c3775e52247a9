import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { createDatabase, type Database, installSchema } from '../src/index.ts'
import { enqueue, startWorker, task } from '../src/services.ts'
import { until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startPgBouncer, withoutPgBouncer } from './support/pgbouncer.ts'

// Behind a pooler in transaction mode no connection is a worker's own: the lease alone says that it lives.

const skip = withoutPgBouncer
const { url } = await testDatabase({ script: 'create table effect (task text, attempt int)' })
const activity = await watchActivity(url)
const pooler = skip ? undefined : await startPgBouncer(url, { default_pool_size: '3' })
const open = (service: string): Database =>
  createDatabase({ url: pooler?.url ?? url, pooler: 'transaction', service, pool: { max: 6 } })
const db = open('first')
after(() => activity.close())
after(() => pooler?.[Symbol.asyncDispose]())
after(() => db.close())
before(() => (skip ? undefined : installSchema(db)))
beforeEach(() => (skip ? undefined : activity.query('truncate effect, plinth.task, plinth.worker')))

const ended = (): Promise<unknown> =>
  until(async () => (await activity.query(`select from plinth.task where state <> 'done'`)).length === 0)

test('workers behind PgBouncer share the tasks, and each effect is there once', { skip }, async () => {
  await using other = open('second')
  const one = task('effect', async (_: null, { complete, id, attempt }) => {
    await complete(async (tx) => void (await tx.query('insert into effect values ($1, $2)', [id, attempt])))
  })
  await using _first = await startWorker(db, [one], { concurrency: 3 })
  await using _second = await startWorker(other, [one], { concurrency: 3 })
  await db.transaction(async (tx) => {
    for (let i = 0; i < 40; i++) await enqueue(tx, one, null)
  })
  await ended()
  const [seen] = await activity.query('select count(*)::int, count(distinct task)::int as tasks from effect')
  assert.deepEqual(seen, { count: 40, tasks: 40 })
  // Other databases of the server have workers of their own, with locks.
  const locks = `select from pg_locks join pg_database d on d.oid = database and d.datname = current_database()
    where locktype = 'advisory' and classid = 8102`
  assert.deepEqual(await activity.query(locks), [])
})

test('a worker whose lease has run out loses its task to another one, and writes nothing', { skip }, async () => {
  const frozen = Promise.withResolvers<void>()
  const thawed = Promise.withResolvers<unknown>()
  const one = task('effect', async (_: null, { complete, id, attempt }) => {
    if (attempt === 1) await frozen.promise
    const completed = complete(async (tx) => void (await tx.query('insert into effect values ($1, $2)', [id, attempt])))
    if (attempt === 1) thawed.resolve(completed.catch((error: unknown) => error))
    await completed
  })
  await using _first = await startWorker(db, [one], { service: 'frozen' })
  await db.transaction((tx) => enqueue(tx, one, null))
  await until(async () => (await activity.query(`select from plinth.task where state = 'running'`)).length === 1)
  await using other = open('second')
  await using _second = await startWorker(other, [one], { service: 'awake' })
  await activity.query(`update plinth.worker set lease_until = now() - interval '1 s' where service = 'frozen'`)
  await ended()
  frozen.resolve()
  const error = await thawed.promise
  assert.ok(error instanceof Error && 'code' in error, String(error))
  assert.ok(error.code === 'TaskTakenOver' || error.code === 'Cancelled', String(error.code))
  assert.deepEqual(await activity.query('select attempt from effect'), [{ attempt: 2 }])
})
