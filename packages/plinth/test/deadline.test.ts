import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadline } from '../src/database/deadline.ts'

function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('a deadline has passed when its time is over, also before its timer could go off', () => {
  using deadline = new Deadline('signUp', { timeoutMs: 20 })
  const heard: unknown[] = []
  deadline.addEventListener('abort', () => heard.push(deadline.reason))
  const { signal } = deadline
  assert.equal(deadline.aborted, false)
  block(25)
  assert.throws(() => deadline.throwIfAborted(), { code: 'TransactionTimeout' })
  assert.equal(deadline.aborted, true)
  // Everybody is told once, and the same.
  assert.deepEqual(heard, [deadline.reason])
  assert.equal(signal.reason, deadline.reason)
})

test('the first reason stands', () => {
  using deadline = new Deadline('signUp', { timeoutMs: 20, signal: AbortSignal.abort() })
  block(25)
  assert.equal(deadline.reason?.code, 'Cancelled')
})
