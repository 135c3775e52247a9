import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase } from '../src/database/database.ts'
import { until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase()
const activity = await watchActivity(url)
after(() => activity.close())

test('a role that may no longer log in is tried less and less often, and is back without traffic', async () => {
  const user = `warm_${process.pid}`
  await activity.query(`create role ${user} login password 'pa55word'`)
  await using proxy = await startProxy(url)
  const own = new URL(proxy.url)
  own.username = user
  own.password = 'pa55word'
  const db = createDatabase({ url: own.href, pool: { max: 4, sharedLanes: 0, warm: 2 } })
  await db.connect()
  await activity.query(`alter role ${user} nologin`)
  proxy.cut()
  await until(async () => db.state === 'error')
  proxy.mark()
  await sleep(6000)
  assert.ok(proxy.accepted <= 8, `${proxy.accepted} logins in 6 s`)
  await activity.query(`alter role ${user} login`)
  const back = new Promise<void>((resolve) => {
    db.on('state', ({ to }) => void (to === 'connected' && resolve()))
  })
  await Promise.race([back, sleep(40_000, undefined, { ref: false }).then(() => assert.fail('it is not back'))])
  await db.close()
  await activity.query(`drop role ${user}`)
})
