import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { Database } from '../src/database/queryable.ts'
import { startEmbedded } from '../src/embedded/server.ts'
import { until } from './support/activity.ts'
import { start, temporaryFolder } from './support/embedded.ts'
import { type App, get, itemSchema, openApps, post } from './support/http-apps.ts'

const folder = temporaryFolder()
for (const [name, open] of openApps) {
  describe(name, () => {
    const dataDir = join(folder, name)
    let server: Awaited<ReturnType<typeof start>>
    let db: Database
    let app: App

    before(async () => {
      server = await start(dataDir)
      db = createDatabase({ url: server.url, pool: { acquireTimeoutMs: 2000 } })
      await db.query(itemSchema)
      app = await open(db)
    })
    after(async () => {
      await app.close()
      assert.equal(db.state, 'closed')
      await server.stop()
    })

    const ask = async (path: string): Promise<[number, string | null]> => {
      const { status, retryAfter } = await get(app, path)
      return [status, retryAfter]
    }

    test('while the database is away its routes answer 503, the others go on, and recovery needs no restart', async () => {
      assert.deepEqual(await ask('/items'), [200, null])
      assert.deepEqual(await ask('/ready'), [200, null])
      await server.stop()
      await until(async () => db.state === 'error')
      assert.deepEqual(await ask('/items'), [503, '5'])
      assert.equal((await post(app, '/items', [3, 'eve', null, null])).status, 503)
      assert.deepEqual(await ask('/static'), [200, null])
      assert.deepEqual(await ask('/live'), [200, null])
      assert.deepEqual(await ask('/ready'), [503, '5'])
      server = await startEmbedded({ dataDir, port: server.port })
      await until(async () => (await ask('/items'))[0] === 200)
      await until(async () => (await ask('/ready'))[0] === 200)
    })
  })
}
