import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDatabase } from 'plinth'
import { startFaultProxy } from 'plinth/testing'
import { testHub } from './support/hub.ts'

const hub = testHub()

// What an answer may take beyond the 2 s a probe has, on a machine that is busy with other things.
const noiseMs = 3000

test('a database that is connected and answers nothing makes the hub not ready, and is found again', async () => {
  await using proxy = await startFaultProxy(process.env['PLINTH_TEST_DATABASE_URL'] ?? '')
  await using database = createDatabase({ url: proxy.url, pool: { max: 2 } })
  await using watched = hub.another({ database, admin: { port: 0 } })
  await watched.listen({ port: 0 })
  const ready = async (): Promise<number> => (await fetch(`${watched.adminUrl}/ready`)).status
  assert.equal(await ready(), 200)
  proxy.become('blackhole')
  // The last probe counts for 2 s.
  const deadline = Date.now() + 2000 + 2000 + noiseMs
  while ((await ready()) === 200) assert.ok(Date.now() < deadline, 'still ready')
  assert.equal(database.state, 'connected')
  const from = Date.now()
  assert.equal((await fetch(`${watched.adminUrl}/live`)).status, 200)
  assert.ok(Date.now() - from < 2000, 'live waited for the database')
  proxy.heal()
  const healed = Date.now() + 10_000
  while ((await ready()) !== 200) assert.ok(Date.now() < healed, 'not ready again')
})
