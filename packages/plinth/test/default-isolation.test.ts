import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { IsolationLevel, Transaction } from '../src/index.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url, name } = await testDatabase({ script: 'create table t (id int primary key)' })
const activity = await watchActivity(url)
await activity.query(`alter database ${name} set default_transaction_isolation to serializable`)
await activity.query('insert into t values (1)')
after(() => activity.close())

const duplicate = (tx: Transaction): Promise<unknown> => tx.query('insert into t values (1)')

/** How often a transaction that meets a duplicate runs, as the first work of its handle. */
async function runsOf(isolation?: IsolationLevel): Promise<number> {
  await using db = createDatabase({ url, pool: { max: 1 } })
  let runs = 0
  const work = (tx: Transaction): Promise<unknown> => (runs++, duplicate(tx))
  await errorOf(db.transaction(work, { retry: { baseMs: 1 }, ...(isolation ? { isolation } : {}) }))
  return runs
}

test('where the database is serializable by default, a duplicate may be a conflict in disguise and runs once more', async () => {
  assert.equal(await runsOf(), 2)
  assert.equal(await runsOf('read committed'), 1)
})

test('where the database is serializable by default, a read whose COMMIT was lost is run again', async () => {
  await using proxy = await startProxy(url)
  await using db = createDatabase({ url: proxy.url, pool: { max: 1 } })
  const runsWhenLost = async (isolation?: IsolationLevel): Promise<number> => {
    let runs = 0
    await db.transaction(
      async (tx) => {
        await tx.query('select * from t')
        if (++runs === 1) void proxy.loseCommit('request')
      },
      isolation ? { isolation } : {},
    )
    return runs
  }
  assert.equal(await runsWhenLost(), 2)
  assert.equal(await runsWhenLost('read committed'), 1)
})
