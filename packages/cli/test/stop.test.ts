import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { listenForStop } from '../src/terminal/stop.ts'

const before = new Map((['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => [name, process.listeners(name)]))
after(() => {
  for (const [name, listeners] of before)
    for (const one of process.listeners(name)) if (!listeners.includes(one)) process.off(name, one)
})

test('who listens for Ctrl-C twice hears one signal, and the process has one listener more', () => {
  const first = listenForStop()
  assert.equal(listenForStop(), first)
  for (const [name, listeners] of before) assert.equal(process.listenerCount(name), listeners.length + 1, name)
})
