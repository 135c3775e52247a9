import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  createDatabase,
  type IdempotencyKey,
  installSchema,
  removeExpiredKeys,
  type Transaction,
} from '../src/index.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase({ script: 'create table t (id int generated always as identity)' })
const activity = await watchActivity(url)
const proxy = await startProxy(url)
const db = createDatabase({ url: proxy.url, pool: { max: 3 } })
after(() => activity.close())
after(() => proxy[Symbol.asyncDispose]())
after(() => db.close())
before(() => installSchema(db))
beforeEach(() => activity.query('truncate t, plinth.idempotency'))

let runs = 0
beforeEach(() => void (runs = 0))

async function order(tx: Transaction): Promise<{ id: number; at: Date }> {
  runs++
  const { id } = await tx.one<{ id: number }>('insert into t default values returning id')
  return { id, at: new Date(0) }
}

const under = (idempotencyKey: string | IdempotencyKey): ReturnType<typeof order> =>
  db.transaction(order, { idempotencyKey })
const count = async (of: string): Promise<number> => (await activity.query(`select from ${of}`)).length

test('a repeat under the same key gets the stored answer, and its callback does not run', async () => {
  const first = await under('a')
  assert.deepEqual(await under('a'), first)
  assert.deepEqual([runs, await count('t')], [1, 1])
  assert.equal(typeof first.at, 'string', 'the first answer is what JSON keeps, as the second')
})

test('an answer of undefined is repeated as undefined, and null as null', async () => {
  for (const answer of [undefined, null]) {
    const once = (): Promise<unknown> => db.transaction(async () => answer, { idempotencyKey: `k ${answer}` })
    assert.deepEqual([await once(), await once()], [answer, answer])
  }
})

test('the same request in another order of its properties is the same, and another one is refused', async () => {
  const first = await under({ key: 'a', request: { item: 1, to: { a: 1, b: 2 } } })
  assert.deepEqual(await under({ key: 'a', request: { to: { b: 2, a: 1 }, item: 1 } }), first)
  const other = under({ key: 'a', request: { item: 2, to: { a: 1, b: 2 } } })
  await assert.rejects(other, { code: 'IdempotencyConflict', outcome: 'not applied', retryable: false })
  assert.equal(runs, 1)
})

test('the same key in another scope is another key', async () => {
  await under({ key: 'a', scope: 'alice' })
  await under({ key: 'a', scope: 'bob' })
  assert.equal(runs, 2)
})

test('a repeat while the first one runs is told so at once', async () => {
  const first = db.transaction(
    async (tx) => {
      await using other = createDatabase({ url })
      const repeat = other.transaction(order, { idempotencyKey: 'a', retry: { attempts: 1 } })
      await assert.rejects(repeat, { code: 'IdempotencyInFlight', retryable: true, outcome: 'not applied' })
      return await order(tx)
    },
    { idempotencyKey: 'a' },
  )
  await first
  assert.equal(runs, 1)
})

test('a transaction that fails leaves its key unused', async () => {
  const failing = db.transaction(
    async (tx) => {
      await order(tx)
      throw new Error('mine')
    },
    { idempotencyKey: 'a' },
  )
  await assert.rejects(failing, { message: 'mine' })
  await under('a')
  assert.deepEqual([runs, await count('t')], [2, 1])
})

test('repeats at the same time write once, whatever each of them is told', async () => {
  const all = await Promise.allSettled(Array.from({ length: 12 }, () => under('a')))
  const told = all.map((one) => (one.status === 'fulfilled' ? 'answer' : one.reason.code))
  assert.equal(await count('t'), 1)
  assert.ok(told.every((one) => one === 'answer' || one === 'IdempotencyInFlight'))
  assert.ok(told.includes('answer'))
})

test('an expired key is unused, and is removed on request', async () => {
  await under({ key: 'a', expiresAfterMs: 1 })
  await activity.query('select pg_sleep(0.01)')
  await under({ key: 'a', expiresAfterMs: 1 })
  assert.deepEqual([runs, await count('plinth.idempotency')], [2, 1])
  await under('b')
  await activity.query('select pg_sleep(0.01)')
  assert.equal(await removeExpiredKeys(db), 1)
  assert.deepEqual(await activity.query('select key from plinth.idempotency'), [{ key: 'b' }])
})

test('a lost COMMIT under a key is resolved as any other', async () => {
  for (const side of ['request', 'answer'] as const) {
    const lose = async (tx: Transaction): Promise<unknown> => {
      const made = await order(tx)
      if (runs === 1) void proxy.loseCommit(side)
      return made
    }
    runs = 0
    const first = await db.transaction(lose, { idempotencyKey: side })
    assert.deepEqual(await under(side), first)
    assert.equal(runs, side === 'request' ? 2 : 1)
  }
  assert.equal(await count('t'), 2)
})

test('a request is refused when JSON would write it as another one', async () => {
  class Item {
    readonly id = 1
  }
  const alike = [new Map([[1, 2]]), new Set([1]), new URLSearchParams('a=1'), /a/, new Item(), NaN, Infinity, () => 1]
  for (const request of alike) {
    await assert.rejects(under({ key: 'a', request }), { code: 'InvalidValue' })
    await assert.rejects(under({ key: 'a', request: { list: [request] } }), { code: 'InvalidValue' })
  }
  assert.equal(runs, 0)
  const query: unknown = Object.assign(Object.create(null), { a: '1' })
  const told = { at: new Date(0), url: new URL('http://localhost/'), query, left: undefined, n: 1.5, not: null }
  const first = await under({ key: 'a', request: told })
  assert.deepEqual(await under({ key: 'a', request: JSON.parse(JSON.stringify(told)) }), first)
})

test('what cannot be a key, a request or a stored answer is refused', async () => {
  const invalid = [{ key: '' }, { key: 'x'.repeat(256) }, { key: 'a\0' }, { key: 'a', expiresAfterMs: 0 }]
  for (const key of invalid) await assert.rejects(under(key), { code: 'InvalidOption' })
  await assert.rejects(under({ key: 'a', request: 1n }), { code: 'InvalidValue' })
  const answering = (answer: unknown): Promise<unknown> =>
    db.transaction(
      async (tx) => {
        await order(tx)
        return answer
      },
      { idempotencyKey: 'a' },
    )
  await assert.rejects(answering(1n), { code: 'InvalidValue' })
  await assert.rejects(answering('x'.repeat(1_048_576)), { code: 'InvalidValue' })
  await assert.rejects(
    db.read(async () => 1, { idempotencyKey: 'a' }),
    { code: 'InvalidOption' },
  )
  assert.deepEqual([await count('t'), await count('plinth.idempotency')], [0, 0])
})

test('without the installed table the error says what to call', async () => {
  await activity.query('alter table plinth.idempotency rename to away')
  try {
    await assert.rejects(under('a'), { code: 'UndefinedObject', hint: /installSchema\(db\)/ })
  } finally {
    await activity.query('alter table plinth.away rename to idempotency')
  }
})
