import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Attempts, readRetry } from '../src/database/retry.ts'
import { RetryBudget } from '../src/database/retry-budget.ts'
import { PlinthError } from '../src/errors.ts'

const about = { database: { service: 'x', host: 'localhost', port: 5432, database: 'x' }, what: 'statement' } as const
const conflict = new PlinthError('SerializationFailure', 'again', { sqlstate: '40001', retryable: true })

test('whatever the policy, no attempt begins past the deadline, no delay is above its cap, and attempts end', () => {
  const settings = fc.record({
    attempts: fc.integer({ min: 1, max: 30 }),
    baseMs: fc.integer({ min: 0, max: 5000 }),
    factor: fc.double({ min: 1, max: 10, noNaN: true }),
    capMs: fc.integer({ min: 0, max: 20_000 }),
  })
  const runs = fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 30 })
  const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(settings, runs, randoms, fc.integer({ min: 1, max: 60_000 }), (retry, lengths, random, deadline) => {
      let now = 0
      const attempts = new Attempts({
        policy: readRetry(retry),
        budget: new RetryBudget(() => now),
        leftMs: () => deadline - now,
        about,
        random: () => random,
      })
      let begun = 0
      for (let wait: number | undefined = 0; wait !== undefined; wait = attempts.delayAfter(conflict)) {
        assert.ok(wait <= retry.capMs)
        now += wait
        assert.ok(now < deadline, `attempt ${begun + 1} would begin at ${now}`)
        assert.equal(attempts.number, ++begun)
        now += lengths[begun % lengths.length] ?? 0
      }
      assert.ok(begun <= retry.attempts)
    }),
  )
})

test('one in ten calls of the last ten seconds may run again, and a hundred in any case', () => {
  let now = 5000
  const budget = new RetryBudget(() => now)
  const taken = (): number => {
    let count = 0
    while (budget.take()) count++
    return count
  }
  assert.equal(taken(), 100)
  for (let call = 0; call < 5000; call++) budget.noteCall()
  assert.equal(taken(), 400)
  now += 9000
  assert.equal(taken(), 0)
  now += 1000
  assert.equal(taken(), 100)
})

test('what the budget counts is forgotten after its window, however long nothing was called', () => {
  let now = 0
  const budget = new RetryBudget(() => now)
  for (let call = 0; call < 5000; call++) budget.noteCall()
  now = 3_605_000
  let count = 0
  while (budget.take()) count++
  assert.equal(count, 100)
})

test('a call whose budget is used up gets its error at once', () => {
  const budget = new RetryBudget(() => 0)
  while (budget.take());
  const attempts = new Attempts({ policy: readRetry(undefined), budget, leftMs: () => 1000, about })
  assert.equal(attempts.delayAfter(conflict), undefined)
  const stale = new PlinthError('StatementFailed', 'x', {
    cause: Object.assign(new Error('gone'), { severity: 'ERROR', code: '26000' }),
  })
  assert.equal(attempts.delayAfter(stale), 0)
})

test('a retry option that cannot be is refused', () => {
  for (const retry of [{ attempts: 0 }, { baseMs: -1 }, { capMs: 1.5 }, { factor: 0.5 }, { factor: Number.NaN }])
    assert.throws(() => readRetry(retry), { code: 'InvalidOption' })
})
