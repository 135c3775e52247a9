import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { until, watchActivity } from './support/activity.ts'
import { ask, start, temporaryFolder } from './support/embedded.ts'

// A server that waits for a synchronous standby which never comes. PostgreSQL 18, 26.2.8.

const server = await start(temporaryFolder(), { settings: { fsync: 'off', max_wal_senders: '2' } })
await ask(server.url, `create table t (id int primary key)`, `alter system set synchronous_standby_names = 'nobody'`)
const activity = await watchActivity(server.url)
const db = createDatabase({ url: server.url, pool: { max: 3 } })
const told: (string | undefined)[] = []
const stop = onObservations({
  'commit.unreplicated': ({ kind: _, database: __, ...rest }) => {
    assert.deepEqual(Object.keys(rest), rest.transaction === undefined ? [] : ['transaction'])
    told.push(rest.transaction)
  },
})

before(() => activity.query('select pg_reload_conf()'))
beforeEach(() => {
  told.length = 0
})
after(async () => {
  stop[Symbol.dispose]()
  await db.close()
  await activity.close()
  await server.stop()
})

const waiting = `from pg_stat_activity where wait_event = 'SyncRep'`

/** Cancels the backend that waits for the standby, as an administrator may. */
async function cancelWaiting(): Promise<void> {
  await until(async () => (await activity.query(`select 1 ${waiting}`)).length === 1)
  await activity.query(`select pg_cancel_backend(pid) ${waiting}`)
}

test('a COMMIT whose wait for the standby was cancelled has committed, and says that nobody has a copy', async () => {
  const work = db.transaction((tx) => tx.query('insert into t values (1)'), { name: 'signUp' })
  await cancelWaiting()
  await work
  assert.deepEqual(told, ['signUp'])
})

test('so does one that a library sends through pgPool()', async () => {
  const client = await db.pgPool().connect()
  await client.query('begin')
  await client.query('insert into t values (2)')
  const commit = client.query('commit')
  await cancelWaiting()
  await commit
  client.release()
  assert.deepEqual(told, ['transaction'])
})

test('and a statement by itself whose caller aborts meanwhile: it is saved, and not reported as cancelled', async () => {
  const controller = new AbortController()
  const work = db.query('insert into t values (3)', [], { signal: controller.signal })
  await until(async () => (await activity.query(`select 1 ${waiting}`)).length === 1)
  controller.abort()
  assert.equal((await work).rowCount, 1)
  assert.deepEqual(told, [undefined])
})

test('a warning that a trigger raises at COMMIT is none of that', async () => {
  await ask(
    server.url,
    'alter system reset synchronous_standby_names',
    'select pg_reload_conf()',
    `create function warn() returns trigger language plpgsql as $$ begin raise warning 'look out'; return null; end $$`,
    'create constraint trigger w after insert on t deferrable initially deferred for each row execute function warn()',
  )
  await db.transaction((tx) => tx.query('insert into t values (4)'))
  assert.deepEqual(told, [])
})
