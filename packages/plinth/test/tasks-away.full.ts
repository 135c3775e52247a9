import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase, installSchema, onObservations } from '../src/index.ts'
import { enqueue, startWorker, task } from '../src/services.ts'
import { startServerProcess } from '../src/testing.ts'
import { temporaryFolder } from './support/embedded.ts'

const folder = temporaryFolder()

test('a worker that is started while the database is away begins when it is there', async () => {
  await using server = await startServerProcess({ dataDir: join(folder, 'away') })
  await using db = createDatabase({ url: server.url, pool: { acquireTimeoutMs: 1000 } })
  await installSchema(db)
  await server.stop()
  const ran = Promise.withResolvers<string>()
  const one = task<null>('one', async () => ran.resolve('ran'), { cron: '0 3 * * *' })
  await using _ = await startWorker(db, [one])
  await server.start()
  await db.connect()
  await db.transaction((tx) => enqueue(tx, one, null))
  assert.equal(await ran.promise, 'ran')
  assert.deepEqual((await db.query('select name from plinth.cron')).rows, [{ name: 'one' }])
})

test('a worker that cannot log in is not started', async () => {
  await using server = await startServerProcess({ dataDir: join(folder, 'refusing') })
  const url = new URL(server.url)
  url.password = 'wrong'
  await using db = createDatabase({ url: url.href })
  await assert.rejects(startWorker(db, []), { code: 'AuthenticationFailed' })
})

test('a worker that was started while the database is away tells that it cannot log in when it is back', async () => {
  await using server = await startServerProcess({ dataDir: join(folder, 'refusing later') })
  const url = new URL(server.url)
  url.password = 'wrong'
  await using db = createDatabase({ url: url.href, pool: { acquireTimeoutMs: 1000 } })
  await server.stop()
  await using _worker = await startWorker(db, [])
  const told = Promise.withResolvers<string>()
  using _ = onObservations({ 'worker.failed': ({ failure }) => told.resolve(failure.code) })
  await server.start()
  assert.equal(await Promise.race([told.promise, sleep(30_000, 'nothing', { ref: false })]), 'AuthenticationFailed')
})
