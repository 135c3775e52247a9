import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { DatabaseOptions } from '../src/database/queryable.ts'

const url = 'postgres://nobody@127.0.0.1:1/none'
const refused: readonly (readonly [message: RegExp, options: Partial<DatabaseOptions>])[] = [
  [
    /^statementTimeoutMs is 2147483648; it must be a whole number from 1 to 2147483647\.$/,
    { statementTimeoutMs: 2 ** 31 },
  ],
  [/^statementTimeoutMs is 0;/, { statementTimeoutMs: 0 }],
  [/^lockTimeoutMs is -1;/, { lockTimeoutMs: -1 }],
  [/^idleInTransactionTimeoutMs is NaN;/, { idleInTransactionTimeoutMs: Number.NaN }],
  [/^connectTimeoutMs is 0;/, { connectTimeoutMs: 0 }],
  [/^pool.max is 0;/, { pool: { max: 0 } }],
  [/^pool.max is 1.5;/, { pool: { max: 1.5 } }],
  [/^pool.sharedLanes is 5; it must be at most 4/, { pool: { sharedLanes: 5 } }],
  [/^pool.sharedLanes is 2; it must .* leave an exclusive lane of pool.max 2/, { pool: { max: 2, sharedLanes: 2 } }],
  [/^pool.acquireTimeoutMs is Infinity;/, { pool: { acquireTimeoutMs: Infinity } }],
  [/^pool.maxWaiting is -1;/, { pool: { maxWaiting: -1 } }],
  [/^pool.warm is -1;/, { pool: { warm: -1 } }],
  [/^pool.lifetimeMs is 0;/, { pool: { lifetimeMs: 0 } }],
  [/^pool.leakAfterMs is 0;/, { pool: { leakAfterMs: 0 } }],
  [/^reconnect.attempts is 0;/, { reconnect: { attempts: 0 } }],
  [/^pool.idleTimeoutMs is 0;/, { pool: { idleTimeoutMs: 0 } }],
  [/must begin with postgres:\/\//, { url: 'mysql://localhost/app' }],
  [/must begin with postgres:\/\//, { url: '' }],
  [/must begin with postgres:\/\//, { replicas: ['localhost:5433'] }],
  [/^preparedStatements is -1;/, { preparedStatements: -1 }],
  [/^Behind a pooler nobody can tell a replica/, { pooler: 'transaction', replicas: [url] }],
  [
    /options of the url would be lost behind a pooler/,
    { pooler: 'transaction', url: `${url}?options=-c%20work_mem=65` },
  ],
  // @ts-expect-error not every caller is type-checked
  [/^pooler is "session"; it must be 'transaction'/, { pooler: 'session' }],
]

for (const [message, options] of refused) {
  test(`${JSON.stringify(options)} is refused before anything connects`, () => {
    assert.throws(() => createDatabase({ url, ...options }), { code: 'InvalidOption', message })
  })
}

test('a deadline or a number of attempts that is none is refused when it is given', async () => {
  const db = createDatabase({ url })
  await assert.rejects(db.connect({ deadlineMs: 0 }), { code: 'InvalidOption', message: /^deadlineMs is 0;/ })
  await assert.rejects(
    db.transaction(async () => 1, { timeoutMs: Number.NaN }),
    { code: 'InvalidOption' },
  )
  await assert.rejects(
    db.transaction(async () => 1, { retry: { attempts: 0 } }),
    { code: 'InvalidOption' },
  )
  await assert.rejects(db.close({ deadlineMs: Number.NaN }), { code: 'InvalidOption' })
  await db.close()
})

test('a wrong option of a read is told by its promise, with replicas too', async () => {
  await using db = createDatabase({ url, replicas: [url] })
  const read = db.read((tx) => tx.query('select 1'), { retry: { attempts: 0 } })
  await assert.rejects(read, { code: 'InvalidOption' })
})
