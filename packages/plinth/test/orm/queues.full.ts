import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type Job, PgBoss } from 'pg-boss'
import { makeWorkerUtils, run, type Task } from 'graphile-worker'
import { createDatabase } from '../../src/database/database.ts'
import { until, watchActivity } from '../support/activity.ts'
import { testDatabase } from '../support/database.ts'

const { url } = await testDatabase({ script: 'create table item (id int primary key)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 6, sharedLanes: 1 } })
after(() => activity.close())
after(() => db.close())

test('pg-boss sends and works on db.pgPool(), and a job of a transaction that was rolled back is not there', async () => {
  const pool = db.pgPool()
  const boss = new PgBoss({ db: { executeSql: (text, values) => pool.query(text, values) } })
  boss.on('error', (error) => assert.fail(error))
  await boss.start()
  await boss.createQueue('mail')
  const done: unknown[] = []
  await boss.work(
    'mail',
    { pollingIntervalSeconds: 0.5 },
    async (jobs: Job[]) => void done.push(...jobs.map(({ data }) => data)),
  )
  await boss.send('mail', { to: 'ada' })
  const undone = await pool.connect()
  await undone.query('begin')
  await boss.send('mail', { to: 'nobody' }, { db: { executeSql: (text, values) => undone.query(text, values) } })
  await undone.query('rollback')
  undone.release()
  await until(async () => done.length > 0)
  assert.deepEqual(done, [{ to: 'ada' }])
  assert.deepEqual(
    await activity.query(`select data from pgboss.job where name = 'mail' and data->>'to' = 'nobody'`),
    [],
  )
  await boss.stop({ graceful: true, timeout: 5000 })
  await pool.end()
})

test('graphile-worker listens, works and shuts down on db.pgPool()', async () => {
  const pgPool = db.pgPool()
  const done: unknown[] = []
  const mail: Task = async (payload) => {
    done.push(payload)
  }
  const utils = await makeWorkerUtils({ pgPool })
  await utils.migrate()
  // Too seldom to find the job: it is NOTIFY that wakes the worker.
  const runner = await run({ pgPool, taskList: { mail }, pollInterval: 60_000, noHandleSignals: true })
  await utils.addJob('mail', { to: 'ada' })
  const undone = await pgPool.connect()
  await undone.query('begin')
  await undone.query(`select graphile_worker.add_job('mail', '{"to": "nobody"}'::json)`)
  await undone.query('rollback')
  undone.release()
  await until(async () => done.length > 0)
  assert.deepEqual(done, [{ to: 'ada' }])
  await runner.stop()
  await utils.release()
  await pgPool.end()
  assert.equal(pgPool.waitingCount, 0)
})
