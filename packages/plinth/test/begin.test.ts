import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({
  script: 'create table t (id int primary key, other int references t (id) deferrable initially deferred)',
})
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 1 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)

test('leaving the scope without a commit rolls back, with one it does nothing more', async () => {
  {
    await using tx = await db.begin()
    await tx.query('insert into t values (1)')
  }
  {
    await using tx = await db.begin()
    await tx.query('insert into t values (2)')
    await tx.commit()
  }
  assert.deepEqual(await saved(), [2])
})

test('a second commit or rollback is refused', async () => {
  const tx = await db.begin({ name: 'order' })
  await tx.commit()
  await assert.rejects(tx.commit(), { code: 'TransactionClosed' })
  await assert.rejects(tx.rollback(), { code: 'TransactionClosed' })
  await assert.rejects(tx.query('select 1'), { code: 'TransactionClosed' })
})

test('a transaction held past its deadline is rolled back, frees its connection and cannot be committed', async () => {
  const tx = await db.begin({ timeoutMs: 500 })
  await tx.query('insert into t values (1)')
  assert.equal((await db.query('select 1')).rowCount, 1)
  await assert.rejects(tx.query('select 1'), { code: 'TransactionClosed' })
  await assert.rejects(tx.commit(), (error: Error) => Object(error.cause).code === 'TransactionTimeout')
  await tx[Symbol.asyncDispose]()
  assert.deepEqual(await saved(), [])
})

test('a commit that fails rolls back, and its hooks find the connection free', async () => {
  const ran: unknown[] = []
  const tx = await db.begin()
  tx.afterCommit(() => void ran.push('never'))
  tx.afterRollback(async () => void ran.push((await db.query('select count(*)::int as n from t')).rows[0]))
  await tx.query('insert into t values (1, 99)')
  await assert.rejects(tx.commit(), { code: 'ForeignKeyViolation', phase: 'commit' })
  await until(async () => ran.length > 0)
  assert.deepEqual(ran, [{ n: 0 }])
})

test('a swallowed error is an error of the commit', async () => {
  await using tx = await db.begin()
  await tx.query('insert into t values (1)')
  await tx.query('insert into t values (1)').catch(() => undefined)
  await assert.rejects(tx.commit(), { code: 'TransactionAborted' })
  assert.deepEqual(await saved(), [])
})
