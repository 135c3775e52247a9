import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { Database } from '../src/database/queryable.ts'
import { startEmbedded } from '../src/embedded/server.ts'
import { isPlinthError } from '../src/errors.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { postmasterPid, temporaryFolder } from './support/embedded.ts'
import { startProxy } from './support/proxy.ts'

const folder = temporaryFolder()

/** The next transaction ids, until `xid` has been given out again and committed. */
async function reissue(db: Database, xid: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const { rows } = await db.query<{ x: string }>(
      'insert into other values (1) returning pg_current_xact_id()::text as x',
    )
    if (BigInt(rows[0]?.x ?? 0) >= BigInt(xid)) return
  }
  assert.fail(`${xid} was not given out again`)
}

test('an id that a crash made the server forget, and another transaction got, proves nothing', async () => {
  // The log is not written before the crash, so recovery knows nothing of the transaction.
  const settings = { wal_writer_delay: '10s', autovacuum: 'off' }
  const dataDir = join(folder, 'crash')
  const first = await startEmbedded({ dataDir, settings })
  await using proxy = await startProxy(first.url)
  await using db = createDatabase({ url: proxy.url, pool: { max: 1 } })
  await db.query('create table t (id int)')
  await db.query('create table other (id int)')
  let xid = ''
  let isLost: Promise<void> = Promise.reject(new Error('the callback did not end'))
  isLost.catch(() => undefined)
  const losing = errorOf(
    db.transaction(async (tx) => {
      const { rows } = await tx.query<{ x: string }>(
        'insert into t values (1) returning pg_current_xact_id()::text as x',
      )
      xid = rows[0]?.x ?? ''
      isLost = proxy.loseCommit('request', { silent: true })
    }),
  )
  await until(() =>
    isLost.then(
      () => true,
      () => false,
    ),
  )
  // Nobody may ask before the id was given out again.
  proxy.become('refuse')
  process.kill(postmasterPid(dataDir), 'SIGKILL')
  await first.exited
  await using again = await startEmbedded({ dataDir, settings, port: first.port })
  await using other = createDatabase({ url: again.url, pool: { max: 1 } })
  await reissue(other, xid)
  assert.deepEqual((await other.query('select pg_xact_status($1::xid8) as s', [xid])).rows, [{ s: 'committed' }])
  proxy.become('forward')
  proxy.cut()
  const error = await losing
  assert.ok(isPlinthError(error, 'CommitUnknown'))
  assert.match(error.message, /its transaction id may have been given to another/)
  assert.deepEqual((await other.query('select count(*)::int as n from t')).rows, [{ n: 0 }])
})

test('a COMMIT that waits for a standby is not cancelled into an unreplicated success', async () => {
  const dataDir = join(folder, 'standby')
  await using server = await startEmbedded({ dataDir, settings: {} })
  const activity = await watchActivity(server.url)
  await using db = createDatabase({ url: server.url, pool: { max: 1 }, statementTimeoutMs: 500 })
  await activity.query('create table t (id int)')
  await activity.query(`alter system set synchronous_standby_names to 'away'`)
  await activity.query('select pg_reload_conf()')
  const error = await errorOf(db.transaction((tx) => tx.query('insert into t values (1)'), { timeoutMs: 1000 }))
  assert.ok(isPlinthError(error, 'CommitUnknown'))
  assert.match(error.message, /it waits for a synchronous standby/)
  const waiting = `select count(*)::int as n from pg_stat_activity where wait_event = 'SyncRep'`
  assert.deepEqual(await activity.query(waiting), [{ n: 1 }])
  await activity.query('alter system reset synchronous_standby_names')
  await activity.query('select pg_reload_conf()')
  await until(async () => (await activity.query('select 1 from t')).length === 1)
  await activity.close()
})

test('close() at its deadline gives up a COMMIT that waits for a standby, and does not cancel it', async () => {
  const dataDir = join(folder, 'closing')
  await using server = await startEmbedded({ dataDir, settings: {} })
  const activity = await watchActivity(server.url)
  await activity.query('create table t (id int)')
  await activity.query(`alter system set synchronous_standby_names to 'away'`)
  await activity.query('select pg_reload_conf()')
  const waiting = async (): Promise<unknown> =>
    (await activity.query(`select count(*)::int as n from pg_stat_activity where wait_event = 'SyncRep'`))[0]?.['n']
  const works: readonly ((db: Database) => Promise<unknown>)[] = [
    (db) => db.transaction((tx) => tx.query('insert into t values (1)')),
    async (db) => {
      const client = await db.pgPool().connect()
      for (const text of ['begin', 'insert into t values (2)', 'commit']) await client.query(text)
    },
  ]
  for (const [at, work] of works.entries()) {
    const db = createDatabase({ url: server.url })
    const failing = errorOf(work(db))
    await until(async () => (await waiting()) === at + 1)
    const from = performance.now()
    await db.close({ deadlineMs: 200 })
    const error = await failing
    assert.ok(isPlinthError(error, 'CommitUnknown'), String(error))
    assert.ok(performance.now() - from < 9000, 'nobody asks on behalf of a closed database')
    assert.equal(await waiting(), at + 1, 'the COMMIT still waits on the server')
  }
  await activity.query('alter system reset synchronous_standby_names')
  await activity.query('select pg_reload_conf()')
  await activity.close()
})
