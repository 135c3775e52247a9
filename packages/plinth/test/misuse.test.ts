import assert from 'node:assert/strict'
import { relative } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Transaction } from '../src/index.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 4, sharedLanes: 1 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)
const insert = (tx: Transaction, id: number): Promise<unknown> => tx.query('insert into t values ($1)', [id])

/** The place `back` lines above the caller, as an error names it. */
function place(back: number): string {
  const line = /test\/misuse\.test\.ts:(\d+)/.exec(new Error().stack?.split('\n')[2] ?? '')?.[1]
  return `${relative(process.cwd(), fileURLToPath(import.meta.url))}:${Number(line) - back}`
}

async function messageOf(work: Promise<unknown>, code: Parameters<typeof isPlinthError>[1]): Promise<string> {
  const error = await errorOf(work)
  assert.ok(isPlinthError(error, code), String(error))
  assert.ok(error.message.includes(`Fix: ${error.hint}`))
  return error.message
}

test('a swallowed error is told with its statement, its SQLSTATE, its constraint and its place', async () => {
  let failed = ''
  const work = db.transaction(
    async (tx) => {
      await insert(tx, 1)
      await insert(tx, 2)
      await tx.query('insert into t values (1)').catch(() => undefined)
      failed = place(1)
    },
    { name: 'createOrder' },
  )
  assert.equal(
    await messageOf(work, 'TransactionAborted'),
    `"createOrder" was rolled back: nothing was saved.
  Cause: statement 3 failed with 23505 (unique violation on t_pkey) and the error was caught at or above ${failed}.
  Fix: let the error propagate, or put the risky statement in tx.savepoint(), or use ON CONFLICT.`,
  )
  assert.deepEqual(await saved(), [])
})

test('a transaction inside a transaction is told with both names and both places', async () => {
  const outer = db.transaction(() => db.transaction(async () => 1, { name: 'chargeCard' }), { name: 'createOrder' })
  const here = place(1)
  assert.equal(
    await messageOf(outer, 'NestedTransaction'),
    `transaction "chargeCard" was begun inside the open transaction "createOrder".
  Cause: a service began its own transaction at ${here}. It would use a second connection, not see ` +
      `createOrder's rows, and can deadlock with it. "createOrder" was begun at ${here}.
  Fix: take \`tx: Transaction\` as a parameter. A part that may fail alone: tx.savepoint(). ` +
      'Work that must commit by itself: db.independent().',
  )
})

test('a statement after the end is told with the ending, the time since and its place', async () => {
  const kept: Transaction[] = []
  await db.transaction(async (tx) => void kept.push(tx), { name: 'createOrder' })
  const late = kept.map((tx) => tx.query('select 1'))
  const here = place(1)
  const message = await messageOf(Promise.all(late), 'TransactionClosed')
  assert.match(message, /^statement on "createOrder", which committed \d+ ms ago\.\n/)
  assert.ok(message.includes(`Cause: a promise was not awaited, or the handle was stored. It was used at ${here}.`))
})

test('the database handle in a transaction, and a statement nobody awaited, are told with their places', async () => {
  const root = db.transaction(() => db.query('select 1'))
  assert.ok((await messageOf(root, 'RootHandleInTransaction')).includes(`db was used at ${place(1)}`))
  const floating = db.transaction(async (tx) => {
    void tx.query('select 1')
  })
  assert.ok((await messageOf(floating, 'FloatingStatement')).includes(`nobody waited for it at ${place(2)}`))
})
