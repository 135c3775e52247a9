import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check, checkResolved, type Final } from '../../../faults/checker.ts'
import { accounts, type Entry, startBalance } from '../../../faults/workload.ts'

const latestMs = 1000

function entry(id: string, some: Partial<Entry> = {}): Entry {
  return { id, client: 1, kind: 'insert', beganAt: 0, ending: 'ok', ms: 5, code: '', runs: 1, ...some }
}

/** Ten accounts with what they had, and what is given. */
function final(some: Partial<Final> = {}): Final {
  const balances = new Map(Array.from({ length: accounts }, (_, i) => [i + 1, startBalance]))
  return { transfers: new Map(), inserts: new Map(), lists: new Map(), balances, moved: [], ...some }
}

const times = (n: number): Final => final({ inserts: new Map(n === 0 ? [] : [['a', n]]) })

test('a write is there as often as the ending of its call allows', () => {
  const allowed = { ok: [1], fail: [0], unknown: [0, 1] } as const
  for (const [ending, may] of Object.entries(allowed)) {
    for (const n of [0, 1, 2]) {
      const wrong = check([entry('a', { ending: ending as Entry['ending'] })], times(n), latestMs)
      assert.equal(
        wrong.length === 0,
        may.some((count) => count === n),
        `${ending}, there ${n} times`,
      )
    }
  }
})

test('a call that never ended, or ended late, is found', () => {
  assert.match(check([entry('a', { ending: 'open' })], times(0), latestMs).join(), /never ended/)
  assert.match(check([entry('a', { ms: 1001 })], times(1), latestMs).join(), /took 1001 ms/)
})

test('the answer of another statement is found', () => {
  assert.match(check([entry('a', { wrong: 'asked with x' })], times(1), latestMs).join(), /asked with x/)
})

test('a row that nobody asked for is found', () => {
  assert.match(check([], times(1), latestMs).join(), /nobody asked for it/)
})

test('an error that is not ours is found', () => {
  const ended = entry('a', { ending: 'fail', code: 'not a PlinthError: TypeError' })
  assert.match(check([ended], times(0), latestMs).join(), /threw not a PlinthError/)
})

test('a balance that its transfers do not make is found', () => {
  const moved = [{ source: 1, target: 2, amount: 5 }]
  const half = new Map([...final().balances, [1, startBalance - 5]])
  const log = [entry('t', { kind: 'transfer' })]
  const transfers = new Map([['t', 1]])
  assert.match(check(log, final({ moved, balances: half, transfers }), latestMs).join(), /account 2 has 1000/)
  const whole = new Map([...half, [2, startBalance + 5]])
  assert.deepEqual(check(log, final({ moved, balances: whole, transfers }), latestMs), [])
})

test('items of one client in another order than it appended them are found', () => {
  const log = ['a', 'b'].map((id) => entry(id, { kind: 'append', list: 1 }))
  assert.deepEqual(check(log, final({ lists: new Map([[1, ['a', 'b']]]) }), latestMs), [])
  assert.match(check(log, final({ lists: new Map([[1, ['b', 'a']]]) }), latestMs).join(), /stands before/)
})

test('a transaction that ends as unknown although the server could be asked is found, a lone write is not', () => {
  const log = (['insert', 'single'] as const).map((kind) => entry(kind, { kind, ending: 'unknown' }))
  assert.deepEqual(checkResolved(log).length, 1)
  assert.match(checkResolved(log).join(), /^insert insert ended as unknown/)
})
