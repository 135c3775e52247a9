import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { connectBackoff, delayMs, transactionBackoff, urgentBackoff } from '../src/database/backoff.ts'

test('a delay lies between nothing and its step, and no step is above the cap', () => {
  const attempts = fc.integer({ min: 1, max: 2000 })
  const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(fc.constantFrom(transactionBackoff, connectBackoff), attempts, randoms, (backoff, attempt, random) => {
      const delay = delayMs(backoff, attempt, () => random)
      const step = Math.min(backoff.capMs, backoff.baseMs * backoff.factor ** (attempt - 1))
      assert.ok(delay >= 0 && delay <= step && step <= backoff.capMs)
    }),
  )
})

test('the steps grow by the factor until the cap', () => {
  const steps = (count: number): number[] =>
    Array.from({ length: count }, (_, i) => delayMs(transactionBackoff, i + 1, () => 1))
  assert.deepEqual(steps(9), [10, 20, 40, 80, 160, 320, 640, 1000, 1000])
  assert.equal(
    delayMs(connectBackoff, 1, () => 1),
    200,
  )
  assert.equal(
    delayMs(connectBackoff, 50, () => 1),
    10_000,
  )
  assert.equal(
    delayMs(urgentBackoff, 50, () => 1),
    2000,
  )
})
