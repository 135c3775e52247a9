import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase } from '../src/database/database.ts'
import { startServerProcess } from '../src/testing/server-process.ts'
import { until } from './support/activity.ts'
import { ask, onlyLinux, temporaryFolder } from './support/embedded.ts'

const folder = temporaryFolder()

test('a server is ended in each way and started again on the same port with its rows', async () => {
  await using server = await startServerProcess({ dataDir: join(folder, 'ends'), settings: {} })
  await ask(server.url, 'create table t (id int)')
  const { url } = server
  for (const [n, end] of (['fast', 'immediate', 'kill'] as const).entries()) {
    await ask(url, `insert into t values (${n})`)
    const before = server.processId
    await server.restart(end)
    assert.notEqual(server.processId, before)
    assert.equal((await ask(url, 'select * from t')).length, n + 1, end)
  }
  assert.equal(server.url, url)
})

test('a frozen server answers nobody, and everybody once it is thawed', { skip: onlyLinux }, async () => {
  await using server = await startServerProcess({ dataDir: join(folder, 'frozen') })
  await using db = createDatabase({ url: server.url, pool: { max: 1 } })
  await db.query('select 1')
  server.freeze()
  const pending = db.query('select 1').then(() => 'answered')
  assert.equal(await Promise.race([pending, sleep(200, 'silent')]), 'silent')
  server.thaw()
  assert.equal(await pending, 'answered')
})

test('a frozen server can be stopped', { skip: onlyLinux }, async () => {
  const server = await startServerProcess({ dataDir: join(folder, 'frozen and stopped') })
  server.freeze()
  await server.stop()
  assert.throws(() => server.processId, { code: 'EmbeddedFailed' })
})

test('backends of one service are ended', async () => {
  await using server = await startServerProcess({ dataDir: join(folder, 'backends') })
  await using db = createDatabase({ url: server.url, service: 'mine', pool: { max: 1 } })
  const pid = async (): Promise<unknown> => (await db.query('select pg_backend_pid() as pid')).rows[0]?.['pid']
  const before = await pid()
  assert.equal(await server.endBackends('another'), 0)
  assert.equal(await server.endBackends('mine'), 1)
  assert.notEqual(await until(() => pid().catch(() => undefined)), before)
})

test('a standby follows its primary and takes over', async () => {
  await using primary = await startServerProcess({ dataDir: join(folder, 'primary'), settings: {} })
  await ask(primary.url, 'create table t (id int)', 'insert into t values (1)')
  await using standby = await primary.standby(join(folder, 'standby'))
  await ask(primary.url, 'insert into t values (2)')
  await until(async () => (await ask(standby.url, 'select * from t')).length === 2)
  await assert.rejects(ask(standby.url, 'insert into t values (3)'), { code: '25006' })
  await primary.stop('kill')
  await standby.promote()
  await ask(standby.url, 'insert into t values (3)')
})
