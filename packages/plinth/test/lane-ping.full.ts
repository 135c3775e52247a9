import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase } from '../src/database/database.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase()
const { signal } = new AbortController()

for (const [kind, options] of [
  ['shared', {}],
  ['exclusive', { signal }],
] as const)
  test(`a read on a ${kind} connection that died in silence is answered on another one`, async () => {
    await using proxy = await startProxy(url)
    const pool = { max: 2, sharedLanes: kind === 'shared' ? 1 : 0, pingAfterMs: 100 }
    await using db = createDatabase({ url: proxy.url, pool })
    await db.query('select 1', [], options)
    await sleep(300)
    const isSilent = proxy.loseNext('request', { silent: true })
    const from = performance.now()
    assert.deepEqual((await db.query('select 2 as n', [], options)).rows, [{ n: 2 }])
    await isSilent
    assert.ok(performance.now() - from < 15_000, 'the time limit of a statement is 30 s')
  })
