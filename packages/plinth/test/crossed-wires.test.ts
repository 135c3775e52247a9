import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createDatabase } from '../src/database/database.ts'
import type { Transaction } from '../src/index.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

// What one statement leaves behind on the wire must not become a part of the next.

const { url } = await testDatabase({ script: 'create table t (id int)' })
const activity = await watchActivity(url)
const proxy = await startProxy(url)
const db = createDatabase({ url: proxy.url, pool: { max: 1, sharedLanes: 0 } })
after(() => activity.close())
after(() => proxy[Symbol.asyncDispose]())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

const saved = async (): Promise<unknown[]> => (await activity.query('select id from t order by id')).map(({ id }) => id)
const oneAttempt = { retry: { attempts: 1 } }
const timeoutMs = 5000
const ignore = (): void => undefined

/** Begins at once, and sends its first statement when those before it have ended. */
const lateSavepoint = (tx: Transaction): Promise<unknown> =>
  tx
    .savepoint(async (inner) => {
      await sleep(150)
      await inner.query('insert into t values (2)')
    })
    .catch(ignore)

test('a statement that waits for its turn carries no savepoint that is begun after it', async () => {
  const work = db.transaction(async (tx) => {
    await Promise.all([
      tx.query('select pg_sleep(0.1)', [], { timeoutMs }),
      tx.query('insert into t values (1) returning pg_sleep(0.1)', [], { timeoutMs }),
      tx.query('select 1/0', [], { timeoutMs }).catch(ignore),
      lateSavepoint(tx),
    ])
  }, oneAttempt)
  // Once it resolved, without the first row: the savepoint had been put in front of it.
  await assert.rejects(work, { code: 'TransactionAborted' })
  assert.deepEqual(await saved(), [])
})

test('an error that is swallowed outside a savepoint is not undone with it', async () => {
  const work = db.transaction(async (tx) => {
    await Promise.all([
      tx.query('select pg_sleep(0.1)'),
      tx.query('insert into nowhere values (1)').catch(ignore),
      lateSavepoint(tx),
    ])
  }, oneAttempt)
  await assert.rejects(work, { code: 'TransactionAborted' })
  assert.deepEqual(await saved(), [])
})

test('a stream that is left while statements wait is closed once', async () => {
  await db.transaction(async (tx) => {
    const leave = async (): Promise<void> => {
      for await (const _ of tx.stream('select generate_series(1, 9)', [], { batchRows: 2 })) break
    }
    const left = leave()
    const slow = tx.query('select pg_sleep(0.1)', [], { timeoutMs })
    await Promise.all([left, slow, tx.query('insert into t values (1)'), tx.query('insert into t values (2)')])
  }, oneAttempt)
  assert.deepEqual(await saved(), [1, 2])
})

test('a savepoint in which a stream was left and a statement failed is undone alone', async () => {
  await db.transaction(async (tx) => {
    await tx.query('insert into t values (1)')
    const inside = tx.savepoint(async (inner) => {
      const rows = inner.stream('select generate_series(1, 9)', [], { batchRows: 2 })[Symbol.asyncIterator]()
      await rows.next()
      const failing = inner.query('select 1 / (pg_sleep(0.05) is null)::int')
      failing.catch(ignore)
      await rows.return?.()
      await failing
    })
    await assert.rejects(inside, { code: 'InvalidValue' })
    await tx.query('insert into t values (2)')
  }, oneAttempt)
  assert.deepEqual(await saved(), [1, 2])
})

for (const refused of [
  { text: 'select $1::int', values: 'no list', rows: 5 },
  { name: 5, text: 'select 1' },
]) {
  test(`after pg refused ${JSON.stringify(refused)} each query of the client gets its own answer`, {
    timeout: 15_000,
  }, async () => {
    const client = await db.pgPool().connect()
    const ask = client.query.bind(client) as (query: unknown) => Promise<{ rows: unknown[] }>
    await assert.rejects(async () => ask(refused))
    const answers: unknown[] = []
    for (const n of [1, 2, 3])
      answers.push(
        ...(await ask(`select ${n} as n`).then(
          ({ rows }) => rows,
          (error: Error) => [error.message],
        )),
      )
    client.release()
    // One that may have been half sent has cost the connection, and says so.
    const isWhole = answers.every((row) => typeof row === 'object')
    if (isWhole) assert.deepEqual(answers, [{ n: 1 }, { n: 2 }, { n: 3 }])
    assert.deepEqual((await db.query('select 4 as n')).rows, [{ n: 4 }])
  })
}

test('what is set while a dead connection is replaced is undone on the other one', async () => {
  await db.query('select 1')
  const clean = await db.one("select current_user, current_setting('search_path') as path")
  void proxy.loseNext('request')
  proxy.shape({ delayMs: 10 })
  await db.transaction(async (tx) => {
    const first = tx.query('select 1')
    // Into the login of the other one, which takes several trips of 20 ms.
    await sleep(25)
    await Promise.all([first, tx.query('set role pg_monitor'), tx.query('set search_path = elsewhere')])
  })
  proxy.heal()
  assert.deepEqual(await db.one("select current_user, current_setting('search_path') as path"), clean)
})

test('a deadline ends all that is pipelined with one request to cancel', async () => {
  await db.query('select 1')
  proxy.mark()
  const work = db.transaction(
    async (tx) => {
      await tx.query('select 1')
      await Promise.all(Array.from({ length: 200 }, () => tx.query('select pg_sleep(1)')))
    },
    { ...oneAttempt, timeoutMs: 300 },
  )
  await assert.rejects(work, { code: 'TransactionTimeout' })
  assert.ok(proxy.accepted <= 2, `${proxy.accepted} connections`)
})

test('COPY FROM STDIN, which would wait for rows for ever, is refused to libraries too', async () => {
  const refusal = { code: 'InvalidOperation', message: /COPY FROM STDIN/ }
  await db.transaction(async (tx) => {
    await tx.query('insert into t values (1)')
    await assert.rejects(tx.pg.query('copy t from stdin'), refusal)
  })
  const client = await db.pgPool().connect()
  await assert.rejects(client.query('copy t from stdin'), refusal)
  client.release()
  assert.deepEqual(await saved(), [1])
})

test("a Query object of pg's own can end no transaction of a client", async () => {
  const client = await db.pgPool().connect()
  await client.query('begin')
  await client.query('insert into t values (1)')
  const heard = Promise.withResolvers<unknown>()
  client.query(new pg.Query('commit', [], (error: unknown) => heard.resolve(error)))
  assert.match(String(await heard.promise), /SessionStatement/)
  await client.query('rollback')
  client.release()
  assert.deepEqual(await saved(), [])
})

test('bytes are sent as they were when they were given', async () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const [row] = await db.transaction(async (tx) => {
    const slow = tx.query('select pg_sleep(0.05)', [], { timeoutMs })
    const asked = tx.query<{ hex: string }>("select encode($1::bytea, 'hex') as hex", [bytes])
    bytes.fill(9)
    await slow
    return (await asked).rows
  })
  assert.deepEqual(row, { hex: '010203' })
})
