import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import type { PoolClient } from 'pg'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key)' })
const activity = await watchActivity(url)
const proxy = await startProxy(url)
const db = createDatabase({ url: proxy.url, pool: { max: 2, sharedLanes: 0 } })
const pool = db.pgPool()
after(() => activity.close())
after(() => proxy[Symbol.asyncDispose]())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)

async function withClient(work: (client: PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect()
  try {
    await work(client)
  } finally {
    client.release()
  }
}

async function send(client: PoolClient, texts: readonly string[]): Promise<void> {
  for (const text of texts) await client.query(text)
}

for (const next of ['rollback and chain', 'rollback; begin', 'select 1; rollback; begin', 'commit and chain'])
  test(`a lost COMMIT is asked for by the id of the transaction that "${next}" began`, async () => {
    await withClient(async (client) => {
      await send(client, ['begin', 'insert into t values (1)', next, 'insert into t values (2)'])
      void proxy.loseCommit('answer')
      assert.equal((await client.query('commit')).command, 'COMMIT')
    })
    assert.deepEqual(await saved(), next === 'commit and chain' ? [1, 2] : [2])
  })

test('several statements in one text leave their transaction one that can be asked for', async () => {
  await withClient(async (client) => {
    await send(client, ['begin', 'insert into t values (1)', 'insert into t values (2); select 1'])
    void proxy.loseCommit('answer')
    assert.equal((await client.query('commit')).command, 'COMMIT')
  })
  assert.deepEqual(await saved(), [1, 2])
})

test('AND CHAIN keeps serializable: what was only read does not hold when its COMMIT never arrived', async () => {
  await withClient(async (client) => {
    await send(client, ['begin isolation level serializable', 'commit and chain', 'select count(*) from t'])
    void proxy.loseCommit('request')
    await assert.rejects(client.query('commit'), { code: 'ConnectionLost', outcome: 'not applied' })
  })
})

test('a COMMIT with more behind it in its text is unknown when the connection breaks on the way', async () => {
  await withClient(async (client) => {
    await send(client, ['begin', 'insert into t values (1)'])
    const text = 'commit; select pg_sleep(30); insert into t values (2)'
    let told = 0
    using _ = onObservations({ 'commit.unknown': () => void told++ })
    const error = errorOf(client.query(text))
    await activity.kill(await activity.backend(text))
    assert.ok(isPlinthError(await error, 'CommitUnknown'))
    assert.equal(told, 1)
    assert.notEqual(Object(await errorOf(client.query('commit'))).code, 'ConnectionLost')
  })
  assert.deepEqual(await saved(), [1])
})

for (const [begin, text] of [
  ['begin', 'insert into t values (1); commit'],
  ['select 1', 'begin; insert into t values (1); commit'],
  ['begin', 'rollback; insert into t values (1)'],
] as const)
  test(`after "${begin}" the lost answer to "${text}" leaves the outcome unknown, and so says the error`, async () => {
    await withClient(async (client) => {
      await client.query(begin)
      void proxy.loseNext('answer')
      const error = await errorOf(client.query(text))
      assert.ok(isPlinthError(error, 'CommitUnknown'))
      assert.equal(error.outcome, 'unknown')
      const later = await errorOf(client.query('commit'))
      assert.ok(!isPlinthError(later) || later.outcome === 'unknown', String(later))
    })
    assert.deepEqual(await saved(), [1])
  })

test('a lost text of several statements that ends nothing is an error of the connection, and is not saved', async () => {
  await withClient(async (client) => {
    await client.query('begin')
    void proxy.loseNext('answer')
    const error = await errorOf(client.query('insert into t values (1); rollback to a'))
    assert.ok(!isPlinthError(error, 'CommitUnknown'))
    await assert.rejects(client.query('commit'), { code: 'ConnectionLost', outcome: 'not applied' })
  })
  assert.deepEqual(await saved(), [])
})

test('several statements with COMMIT on a connection that was gone before are not applied', async () => {
  await withClient(async (client) => {
    await client.query('begin')
    await activity.kill(Number((await client.query('select pg_backend_pid() as pid')).rows[0]?.pid))
    await errorOf(client.query('select 1'))
    assert.ok(!isPlinthError(await errorOf(client.query('insert into t values (1); commit')), 'CommitUnknown'))
    await assert.rejects(client.query('commit'), { code: 'ConnectionLost', outcome: 'not applied' })
  })
})

test('a statement sent while COMMIT waits in line is refused, also when BEGIN was answered since', async () => {
  await withClient(async (client) => {
    const begun = client.query('begin')
    const rest = [client.query('insert into t values (1)'), client.query('commit')]
    await begun
    await assert.rejects(client.query('insert into t values (2)'), { code: 'TransactionClosed' })
    await Promise.all(rest)
    await client.query('insert into t values (3)')
  })
  assert.deepEqual(await saved(), [1, 3])
})

test('a transaction that stands in line behind COMMIT takes its statements', async () => {
  await withClient(async (client) => {
    await send(client, ['begin', 'insert into t values (1)'])
    await Promise.all(['commit', 'begin', 'insert into t values (2)'].map((text) => client.query(text)))
    await client.query('rollback')
  })
  assert.deepEqual(await saved(), [1])
})

for (const [commit, isChained] of [
  ['commit and chain', true],
  ['COMMIT WORK AND CHAIN', true],
  ['end transaction and no chain', false],
  ['commit', false],
] as const)
  test(`"${commit}" of a failed transaction ${isChained ? 'begins the next one' : 'leaves none open'}`, async () => {
    await withClient(async (client) => {
      await client.query('begin')
      await errorOf(client.query('select 1 / 0'))
      await assert.rejects(client.query(commit), { code: 'TransactionAborted' })
      await send(client, ['insert into t values (1)', 'rollback'])
    })
    assert.deepEqual(await saved(), isChained ? [] : [1])
  })

test('PREPARE TRANSACTION of a failed transaction is an error, as COMMIT is', async () => {
  await withClient(async (client) => {
    await client.query('begin')
    await errorOf(client.query('select 1 / 0'))
    const error = await errorOf(client.query(`prepare transaction 'x'`))
    assert.ok(isPlinthError(error, 'TransactionAborted'))
    assert.match(error.message, /statement 1 failed with 22012/)
    await client.query('select 1')
  })
})
