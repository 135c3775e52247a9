import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadline } from '../src/database/deadline.ts'

/** No timer goes off meanwhile. */
function blockUntil(time: number): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4))
  while (performance.now() < time) Atomics.wait(nothing, 0, 0, time - performance.now())
}

test('a deadline has passed when its time is over, also before its timer could go off', () => {
  using deadline = new Deadline('signUp', { timeoutMs: 1000 })
  const heard: unknown[] = []
  deadline.addEventListener('abort', () => heard.push(deadline.reason))
  const { signal } = deadline
  assert.equal(deadline.aborted, false)
  blockUntil(deadline.at)
  assert.throws(() => deadline.throwIfAborted(), { code: 'TransactionTimeout' })
  assert.equal(deadline.aborted, true)
  // Everybody is told once, and the same.
  assert.deepEqual(heard, [deadline.reason])
  assert.equal(signal.reason, deadline.reason)
})

test('the first reason stands', () => {
  using deadline = new Deadline('signUp', { timeoutMs: 20, signal: AbortSignal.abort() })
  blockUntil(deadline.at)
  assert.equal(deadline.reason?.code, 'Cancelled')
})
