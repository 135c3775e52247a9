import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readOptions } from '../src/database/options.ts'
import { ReservedConnection } from '../src/database/reserved-connection.ts'
import type { Statement } from '../src/driver/exchange.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase()
const ask = (text: string): readonly Statement[] => [{ text, values: [] }]

test('a question that is under way when the idle time has passed is answered', async () => {
  const reserved = new ReservedConnection(readOptions({ url }).open)
  await reserved.run(ask('select 1'), 5000)
  await sleep(8000)
  // Past the 10 s after the first question, and the second in which the server may hang up.
  const [answer] = await reserved.run(ask('select pg_sleep(5), 2'), 10_000)
  assert.equal(answer?.rows[0]?.[1], '2')
  await reserved.close()
})

test('a half-open connection is given up before the time for the question has passed', async () => {
  await using proxy = await startProxy(url)
  const reserved = new ReservedConnection(readOptions({ url: proxy.url }).open)
  await reserved.run(ask('select 1'), 5000)
  const isLost = proxy.loseNext('request', { silent: true })
  const from = performance.now()
  await assert.rejects(reserved.run(ask('select 1'), 5000, { firstWithinMs: 500 }), { answered: false })
  await isLost
  assert.ok(performance.now() - from < 4000)
  const [answer] = await reserved.run(ask('select 2'), 5000)
  assert.deepEqual(answer?.rows, [['2']])
  await reserved.close()
})
