import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createReload } from '../src/hub-reload.ts'

test('settings are read once for whoever asks meanwhile, with a rest between, and once more for the last one', async () => {
  const read: number[] = []
  let asked = 0
  const reload = createReload(async () => void read.push(asked))
  const startedAt = performance.now()
  while (performance.now() - startedAt < 450) {
    asked++
    reload()
    await sleep(1)
  }
  while (read.at(-1) !== asked) await sleep(10)
  assert.ok(read.length >= 2 && read.length <= 7, `${read.length} readings for ${asked} requests`)
})
