import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Transaction } from '../src/index.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startProxy } from './support/proxy.ts'

const { url } = await testDatabase({
  script: `create table t (id int primary key, other int,
    constraint later foreign key (other) references t (id) deferrable initially deferred)`,
})
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 4, sharedLanes: 1 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)
const insert = (tx: Transaction, id: number): Promise<unknown> => tx.query('insert into t values ($1)', [id])

test('a transaction whose callback resolves is saved, with its result', async () => {
  const result = await db.transaction(async (tx) => {
    await insert(tx, 1)
    return (await tx.query('select count(*)::int as n from t')).rows[0]
  })
  assert.deepEqual(result, { n: 1 })
  assert.deepEqual(await saved(), [1])
})

test('a transaction whose callback throws is undone, and the error is the one thrown', async () => {
  const thrown = new Error('mine')
  const error = await errorOf(
    db.transaction(async (tx) => {
      await insert(tx, 1)
      throw thrown
    }),
  )
  assert.equal(error, thrown)
  assert.deepEqual(await saved(), [])
})

test('a swallowed error aborts the transaction, with the first failure as the cause', async () => {
  const error = await errorOf(
    db.transaction(
      async (tx) => {
        await insert(tx, 1)
        await insert(tx, 1).catch(() => undefined)
        await tx.query('select 1').catch(() => undefined)
      },
      { name: 'createOrder' },
    ),
  )
  assert.ok(isPlinthError(error, 'TransactionAborted'))
  assert.match(error.message, /^"createOrder" was rolled back: nothing was saved\.\n/)
  assert.ok(isPlinthError(error.cause, 'UniqueViolation'))
  assert.equal(error.outcome, 'not applied')
  assert.deepEqual(await saved(), [])
})

test('a statement after a failed one is told of the first failure', async () => {
  await db
    .transaction(async (tx) => {
      await insert(tx, 1)
      await insert(tx, 1).catch(() => undefined)
      const error = await errorOf(insert(tx, 2))
      assert.ok(isPlinthError(error, 'TransactionAborted'))
      assert.ok(isPlinthError(error.cause, 'UniqueViolation'))
    })
    .catch(() => undefined)
})

test('a handle is dead after the end, however it ended', async () => {
  const handles: Transaction[] = []
  await db.transaction(async (tx) => void handles.push(tx))
  await db
    .transaction(async (tx) => {
      handles.push(tx)
      throw new Error('mine')
    })
    .catch(() => undefined)
  for (const [i, word] of ['committed', 'was rolled back'].entries()) {
    const tx = handles[i] as Transaction
    const error = await errorOf(insert(tx, 1))
    assert.ok(isPlinthError(error, 'TransactionClosed'))
    assert.match(error.message, new RegExp(`${word} \\d+ ms ago`))
    await assert.rejects(
      tx.savepoint(async () => 1),
      { code: 'TransactionClosed' },
    )
    assert.throws(() => tx.afterCommit(() => undefined), { code: 'TransactionClosed' })
  }
  assert.deepEqual(await saved(), [])
})

test('the late branch of a Promise.all that failed cannot write any more', async () => {
  const gate = Promise.withResolvers<void>()
  const late: Promise<unknown>[] = []
  await assert.rejects(
    db.transaction(async (tx) => {
      const branch = gate.promise.then(() => insert(tx, 2))
      late.push(branch)
      await Promise.all([tx.query('select 1 / 0'), branch])
    }),
    { code: 'InvalidValue' },
  )
  gate.resolve()
  await assert.rejects(late[0] as Promise<unknown>, { code: 'TransactionClosed' })
  assert.deepEqual(await saved(), [])
})

test('statements sent together run one after the other in their order, on the one connection', async () => {
  await db.transaction(async (tx) => {
    const ids = Array.from({ length: 50 }, (_, i) => i)
    const answers = await Promise.all([
      ...ids.map((id) =>
        tx.one<{ n: number; pid: number }>('insert into t values ($1) returning id as n, pg_backend_pid() as pid', [
          id,
        ]),
      ),
      tx.one<{ n: number; pid: number }>('select count(*)::int as n, pg_backend_pid() as pid from t'),
    ])
    assert.deepEqual(
      answers.map(({ n }) => n),
      [...ids, 50],
    )
    assert.equal(new Set(answers.map(({ pid }) => pid)).size, 1)
  })
})

test('a transaction that idles past the limit is ended by the server, and its error names it', async () => {
  await using hasty = createDatabase({ url, pool: { max: 1 }, idleInTransactionTimeoutMs: 200 })
  let runs = 0
  const error = await errorOf(
    hasty.transaction(
      async (tx) => {
        runs++
        const { rows } = await tx.query('insert into t values (1) returning pg_backend_pid() as pid')
        const left = 'select from pg_stat_activity where pid = $1'
        await until(async () => (await activity.query(left, [rows[0]?.['pid']])).length === 0)
        await insert(tx, 2)
      },
      { name: 'dawdle' },
    ),
  )
  assert.ok(isPlinthError(error, 'TransactionTimeout'), String(error))
  assert.deepEqual([error.sqlstate, error.outcome, runs], ['25P03', 'not applied', 1])
  assert.match(error.message, /in transaction "dawdle"/)
  assert.deepEqual(await saved(), [])
})

test('a statement nobody waited for undoes the transaction', async () => {
  await assert.rejects(
    db.transaction(async (tx) => {
      void insert(tx, 1)
    }),
    { code: 'FloatingStatement', outcome: 'not applied' },
  )
  assert.deepEqual(await saved(), [])
})

test('a transaction, or the database handle, inside a transaction is refused and named', async () => {
  await db.transaction(
    async (tx) => {
      await insert(tx, 1)
      const nested = await errorOf(db.transaction(async () => 1, { name: 'inner' }))
      assert.ok(isPlinthError(nested, 'NestedTransaction'))
      assert.match(nested.message, /"inner".*"outer"/)
      await assert.rejects(db.begin(), { code: 'NestedTransaction' })
      await assert.rejects(
        db.read(async () => 1),
        { code: 'NestedTransaction' },
      )
      await assert.rejects(db.query('select 1'), { code: 'RootHandleInTransaction' })
      await sleep(0)
      await tx.savepoint(() => assert.rejects(db.query('select 1'), { code: 'RootHandleInTransaction' }))
    },
    { name: 'outer' },
  )
  assert.deepEqual(await saved(), [1])
})

test('the handle is refused across a transaction of another database too', async () => {
  const other = createDatabase({ url, pool: { max: 1 } })
  await db.transaction(() =>
    other.transaction(() => assert.rejects(db.query('select 1'), { code: 'RootHandleInTransaction' })),
  )
  await other.close()
})

test('a constraint that fails at COMMIT is an error of the commit, and nothing is applied', async () => {
  const error = await errorOf(db.transaction((tx) => tx.query('insert into t values (1, 99)')))
  assert.ok(isPlinthError(error, 'ForeignKeyViolation'))
  assert.deepEqual([error.phase, error.outcome], ['commit', 'not applied'])
  assert.deepEqual(await saved(), [])
})

test('a transaction that ended behind its owner is an error', async () => {
  // PostgreSQL ends it inside: the text begins with no word that could be refused.
  await activity.query(`create or replace procedure ends() language plpgsql as $$ begin commit; end $$`)
  await assert.rejects(
    db.transaction((tx) => tx.query('call ends()')),
    { outcome: 'not applied' },
  )
})

test('nothing is sent behind a BEGIN that fails', async () => {
  await using session = await db.session()
  await session.transaction(async (tx) => insert(tx, 1))
  // Now the server knows none of the statements the connection thinks it has prepared, BEGIN among them.
  await session.query('deallocate all')
  const attempts: number[] = []
  await session.transaction(async (tx) => {
    attempts.push(tx.attempt)
    await Promise.all([insert(tx, 2), tx.query('insert into t values (3)'), tx.query('insert into t values (4)')])
  })
  assert.deepEqual(attempts, [1, 2])
  assert.deepEqual(await saved(), [1, 2, 3, 4])
})

test('an isolation level that is none is refused, and nothing of it reaches the server', async () => {
  const isolation = 'serializable; drop table t' as 'serializable'
  await assert.rejects(
    db.transaction((tx) => insert(tx, 1), { isolation }),
    { code: 'InvalidOption' },
  )
  await db.transaction(
    async (tx) =>
      assert.deepEqual((await tx.query('show transaction_isolation')).rows, [
        { transaction_isolation: 'serializable' },
      ]),
    { isolation: 'serializable' },
  )
})

test('what a transaction set on its connection is gone for the next holder', async () => {
  const one = createDatabase({ url, pool: { max: 1 } })
  const processes = new Set<unknown>()
  await one.transaction(async (tx) => {
    processes.add((await tx.query('select pg_backend_pid() as pid')).rows[0]?.['pid'])
    await tx.query('/* x */ set search_path to nowhere')
    await tx.query('create temp table mine (id int)')
    await tx.query('prepare p as select 1')
  })
  await one.transaction(async (tx) => {
    processes.add((await tx.query('select pg_backend_pid() as pid')).rows[0]?.['pid'])
    assert.deepEqual((await tx.query('show search_path')).rows, [{ search_path: '"$user", public' }])
    assert.deepEqual(
      (
        await tx.query(
          `select to_regclass('mine') as t, (select count(*)::int from pg_prepared_statements where name = 'p') as n`,
        )
      ).rows,
      [{ t: null, n: 0 }],
    )
  })
  assert.equal(processes.size, 1)
  await one.close()
})

test('n statements take n + 1 round trips, and none take none', async () => {
  await using proxy = await startProxy(url)
  await using far = createDatabase({ url: proxy.url, pool: { max: 1 } })
  await far.query('select 1')
  proxy.mark()
  await far.transaction(async () => undefined)
  assert.equal(proxy.roundTrips, 0)
  await far.transaction(async (tx) => {
    await tx.query('select 1')
    await tx.query('select 2')
  })
  assert.equal(proxy.roundTrips, 3)
})

test('read() refuses writes by name and does not try again', async () => {
  let attempts = 0
  await assert.rejects(
    db.read(async (tx) => {
      attempts++
      await tx.query('insert into t values (1)')
    }),
    { code: 'WriteInReadTransaction' },
  )
  assert.equal(attempts, 1)
})

test('hooks run in order after the end, outside the transaction, and a failing one stops nothing', async () => {
  const ran: string[] = []
  await db.transaction(async (tx) => {
    tx.afterCommit(async () => void ran.push(`saw ${JSON.stringify((await db.query('select id from t')).rows)}`))
    tx.afterCommit(() => {
      throw new Error('a hook fails')
    })
    tx.afterCommit(() => void ran.push('last'))
    tx.afterRollback(() => void ran.push('never'))
    await insert(tx, 1)
    ran.push('work')
  })
  assert.deepEqual(ran, ['work', 'saw [{"id":1}]', 'last'])
  ran.length = 0
  await db
    .transaction(async (tx) => {
      tx.afterCommit(() => void ran.push('never'))
      tx.afterRollback(() => void ran.push('undone'))
      throw new Error('mine')
    })
    .catch(() => undefined)
  assert.deepEqual(ran, ['undone'])
})
