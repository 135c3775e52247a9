import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { Database } from '../src/database/queryable.ts'
import { type FaultProxy, startFaultProxy } from '../src/testing/fault-proxy.ts'
import { until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { type App, get, itemSchema, openApps, post } from './support/http-apps.ts'

const { url } = await testDatabase({ script: itemSchema })
const activity = await watchActivity(url)
after(() => activity.close())

const countItems = async (): Promise<unknown> => (await activity.query('select count(*)::int as n from item'))[0]?.['n']

for (const [name, open] of openApps) {
  describe(name, () => {
    let proxy: FaultProxy
    let db: Database
    let app: App

    before(async () => {
      proxy = await startFaultProxy(url)
      const timeouts = { connectTimeoutMs: 1000, statementTimeoutMs: 1000 }
      db = createDatabase({ url: proxy.url, pool: { max: 3, acquireTimeoutMs: 1000 }, ...timeouts })
      app = await open(db)
    })
    beforeEach(() => activity.query('truncate item'))
    after(async () => {
      await app.close()
      await proxy[Symbol.asyncDispose]()
    })

    const statusOf = async (path: string): Promise<number> => (await get(app, path)).status
    const recover = async (): Promise<void> => {
      proxy.heal()
      await until(async () => (await statusOf('/items')) === 200 && (await statusOf('/ready')) === 200)
      assert.equal((await post(app, '/items', [7, 'eve', null, null])).status, 200)
      assert.equal(db.state, 'connected')
    }

    test('while the database refuses, its routes answer 503, the others go on, and recovery needs no restart', async () => {
      assert.deepEqual([await statusOf('/items'), await statusOf('/ready')], [200, 200])
      proxy.become('refuse')
      proxy.cut()
      await until(async () => db.state === 'error')
      const away = await get(app, '/items')
      assert.deepEqual([away.status, away.retryAfter, away.body.code], [503, '5', 'ConnectionFailed'])
      // This route did not say that it needs the database. It is tried, waits for its connection, and fails.
      const tried = await post(app, '/items', [1, 'ada', null, null])
      assert.deepEqual([tried.status, tried.retryAfter], [503, '5'])
      assert.deepEqual([await statusOf('/static'), await statusOf('/live')], [200, 200])
      const ready = await get(app, '/ready')
      assert.deepEqual([ready.status, ready.retryAfter, ready.body.status], [503, '5', 'down'])
      await recover()
    })

    test('while the database is silent, callers get an answer within the time limits, and recovery needs no restart', async () => {
      assert.equal(await statusOf('/items'), 200)
      proxy.become('blackhole')
      const asked = Date.now()
      const answers = await Promise.all([get(app, '/items'), post(app, '/items', [1, 'ada', null, null])])
      assert.ok(Date.now() - asked < 15_000, `${Date.now() - asked} ms`)
      for (const { status } of answers) assert.ok(status === 503 || status === 504, String(status))
      assert.deepEqual([await statusOf('/static'), await statusOf('/live')], [200, 200])
      await until(async () => (await statusOf('/ready')) === 503)
      await recover()
    })

    test('a request whose COMMIT was applied and whose answer was lost is answered 200, and saved once', async () => {
      void proxy.loseCommit('answer')
      assert.equal((await post(app, '/items', [1, 'ada', null, null])).status, 200)
      assert.equal(await countItems(), 1)
    })

    test('a request whose COMMIT never arrived is run again, answered 200, and saved once', async () => {
      void proxy.loseCommit('request')
      assert.equal((await post(app, '/items', [1, 'ada', null, null])).status, 200)
      assert.equal(await countItems(), 1)
    })
  })
}
