import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { inRollback } from '../src/testing/rollback-scope.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key)' })
const db = createDatabase({ url, pool: { max: 2 } })
after(() => db.close())

const rows = async (): Promise<number> => (await db.query('select from t')).rowCount

test('a body sees its own writes and nobody sees them afterwards', async () => {
  const seen = await inRollback(db, async (tx) => {
    await tx.query('insert into t values (1)')
    return (await tx.query('select from t')).rowCount
  })
  assert.deepEqual([seen, await rows()], [1, 0])
})

test('what the body throws comes out, and its writes are undone as well', async () => {
  const body = inRollback(db, async (tx) => {
    await tx.query('insert into t values (1)')
    throw new RangeError('of the test')
  })
  await assert.rejects(body, RangeError)
  assert.equal(await rows(), 0)
})

test('a body that swallows the error of a statement fails', async () => {
  const body = inRollback(db, async (tx) => {
    await tx.query('select 1/0').catch(() => undefined)
    await tx.query('select 1')
  })
  await assert.rejects(body, { code: 'TransactionAborted' })
})
