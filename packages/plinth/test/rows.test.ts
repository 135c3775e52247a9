import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Queryable } from '../src/index.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key, note text)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, service: 'rows', pool: { max: 2, sharedLanes: 0 } })
after(() => activity.close())
after(() => db.close())

const runners: Readonly<Record<string, (use: (on: Queryable) => Promise<void>) => Promise<void>>> = {
  'a database': (use) => use(db),
  'a session': async (use) => {
    await using session = await db.session()
    await use(session)
  },
  'a transaction': (use) => db.transaction(use),
  'a read-only transaction': (use) => db.read(use),
  'a savepoint': (use) => db.transaction((tx) => tx.savepoint(use)),
  'an owned transaction': async (use) => {
    await using tx = await db.begin()
    await use(tx)
  },
}

const numbers = 'select n, n * 2 as twice from generate_series(1, $1::int) n'

async function numbersOf(rows: AsyncIterable<{ n: number }>): Promise<number[]> {
  const seen: number[] = []
  for await (const { n } of rows) seen.push(n)
  return seen
}

for (const [name, using] of Object.entries(runners)) {
  test(`one and maybeOne of ${name} give the only row, and refuse none and many`, () =>
    using(async (on) => {
      assert.deepEqual(await on.one('select 1 as n'), { n: 1 })
      assert.deepEqual(await on.maybeOne(numbers, [1]), { n: 1, twice: 2 })
      assert.equal(await on.maybeOne(numbers, [0]), undefined)
      await assert.rejects(on.one(numbers, [0]), { code: 'RowNotFound' })
      // Inside a transaction nothing is applied before its COMMIT.
      const outcome = /transaction|savepoint/.test(name) ? 'not applied' : 'applied'
      await assert.rejects(on.one(numbers, [2]), { code: 'TooManyRows', outcome })
      await assert.rejects(on.maybeOne(numbers, [2]), { code: 'TooManyRows' })
    }))

  test(`stream of ${name} gives every row in order, whatever the size of a batch`, () =>
    using(async (on) => {
      for (const [count, batchRows] of [
        [0, 10],
        [9, 10],
        [10, 10],
        [25, 10],
        [3, 1],
      ] as const) {
        const rows = on.stream<{ n: number }>(numbers, [count], { batchRows })
        assert.deepEqual(
          await numbersOf(rows),
          Array.from({ length: count }, (_, i) => i + 1),
        )
      }
      assert.deepEqual((await on.query('select 7 as n')).rows, [{ n: 7 }])
    }))

  test(`leaving a stream of ${name} early, or its failure, leaves all else usable`, () =>
    using(async (on) => {
      for await (const { n } of on.stream<{ n: number }>(numbers, [1e6], { batchRows: 10 })) if (n === 15) break
      assert.deepEqual((await on.query('select 7 as n')).rows, [{ n: 7 }])
      await assert.rejects(
        async () => {
          for await (const _ of on.stream(numbers, [100], { batchRows: 10 })) throw new Error('mine')
        },
        { message: 'mine' },
      )
      assert.deepEqual(await on.one("select count(*)::int as n from pg_cursors where name <> ''"), { n: 0 })
    }))
}

test('a stream holds one batch in memory, whatever the number of rows', async () => {
  // 20,000 rows of 10 kB: as one answer 200 MB and more. In a process of its own, for node:test follows each promise,
  // and what it keeps of them is collected late: 110 MB here and 50 MB there, 98 MB where the machine is busy.
  const program = `
    import { createDatabase } from ${JSON.stringify(new URL('../src/database/database.ts', import.meta.url).href)}
    const db = createDatabase({ url: process.env.DB, pool: { max: 2 } })
    await db.query('select 1')
    const wide = "select repeat('x', 10000) as note from generate_series(1, 20000)"
    const before = process.memoryUsage().rss
    let [count, peak, shortest] = [0, 0, Infinity]
    for await (const { note } of db.stream(wide, [], { batchRows: 100 })) {
      shortest = Math.min(shortest, note.length)
      if (++count % 1000 === 0) peak = Math.max(peak, process.memoryUsage().rss - before)
    }
    await db.close()
    console.log(JSON.stringify([count, shortest, peak]))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, DB: url },
  })
  const [count, shortest, peak]: number[] = JSON.parse(stdout)
  assert.deepEqual([count, shortest], [20_000, 10_000])
  assert.ok(Number(peak) < 120e6, `${peak} bytes more`)
})

test('a stream in a transaction reads and writes as it, with other statements between its rows', async () => {
  await db.transaction(async (tx) => {
    const ids: number[] = []
    const inserted = tx.stream<{ id: number }>(
      'insert into t select n, null from generate_series(1, 5) n returning id',
      [],
      { batchRows: 2 },
    )
    for await (const { id } of inserted) {
      ids.push(id)
      await tx.query('update t set note = $2 where id = $1', [id, `seen ${id}`])
    }
    assert.deepEqual(ids, [1, 2, 3, 4, 5])
    const both = await Promise.all([1, 2].map(() => numbersOf(tx.stream(numbers, [20], { batchRows: 3 }))))
    assert.deepEqual(both[0], both[1])
  })
  assert.deepEqual(await activity.query(`select count(*)::int as n from t where note like 'seen%'`), [{ n: 5 }])
})

test('a stream of the database writes nothing', async () => {
  await assert.rejects(numbersOf(db.stream('delete from t returning id as n')), { code: 'WriteInReadTransaction' })
  assert.throws(() => db.stream('begin'), { code: 'SessionStatement' })
})

test('a stream that fails in the middle says so, and its connection goes on', async () => {
  const seen: number[] = []
  const error = await errorOf(
    (async () => {
      for await (const row of db.stream<{ n: number }>('select 12 / (5 - n) as n from generate_series(1, 9) n', [], {
        batchRows: 2,
      }))
        seen.push(row.n)
    })(),
  )
  assert.ok(isPlinthError(error, 'InvalidValue'))
  assert.deepEqual(seen, [3, 4, 6, 12])
  assert.deepEqual(await db.one('select 7 as n'), { n: 7 })
})

test('a stream nobody reads on gives its connection back', async () => {
  const small = createDatabase({ url, service: 'unread', pool: { max: 1 }, idleInTransactionTimeoutMs: 300 })
  const rows = small.stream<{ n: number }>(numbers, [100], { batchRows: 2 })[Symbol.asyncIterator]()
  assert.deepEqual(await rows.next(), { done: false, value: { n: 1, twice: 2 } })
  assert.deepEqual(await small.one('select 7 as n'), { n: 7 })
  await rows.next()
  await assert.rejects(async () => rows.next(), { code: 'TransactionTimeout' })
  await small.close()
})

test('a stream ends with the signal of its caller', async () => {
  const controller = new AbortController()
  const error = await errorOf(
    (async () => {
      const rows = db.stream<{ n: number }>('select n, pg_sleep(0.05) from generate_series(1, 1000) n', [], {
        signal: controller.signal,
        batchRows: 1,
      })
      for await (const { n } of rows) if (n === 2) controller.abort()
    })(),
  )
  assert.ok(isPlinthError(error, 'Cancelled'), String(error))
})

test('a stream read after the end of its transaction is refused', async () => {
  const kept: AsyncIterator<unknown>[] = []
  await db.transaction(async (tx) => {
    const rows = tx.stream(numbers, [10], { batchRows: 2 })[Symbol.asyncIterator]()
    await rows.next()
    kept.push(rows)
  })
  await kept[0]?.next()
  await assert.rejects(async () => kept[0]?.next(), { code: 'TransactionClosed' })
})

// pg_locks tells of every database of the server.
const locks = `(select * from pg_locks where database in (select oid from pg_database where datname = current_database()))`

test('lock keeps a key for one transaction at a time, by text or by number', async () => {
  const order: string[] = []
  const held = Promise.withResolvers<void>()
  const first = db.transaction(async (tx) => {
    await tx.lock('invoice 7')
    await tx.lock(12n)
    held.resolve()
    await until(
      async () => (await activity.query(`select 1 from ${locks} where locktype = 'advisory' and not granted`))[0],
    )
    order.push('first')
  })
  await held.promise
  const second = db.transaction(async (tx) => {
    await tx.lock('invoice 7')
    order.push('second')
  })
  await Promise.all([first, second])
  assert.deepEqual(order, ['first', 'second'])
  await db.transaction(async (tx) => {
    await tx.lock('invoice 7')
    await tx.lock(12n)
    const keys = await activity.query(
      `select (classid::bigint << 32 | objid::bigint) = any(array[12, hashtextextended('invoice 7', 0)]) as ours
       from ${locks} where locktype = 'advisory'`,
    )
    assert.deepEqual(keys, [{ ours: true }, { ours: true }])
  })
  await sleep(0)
  assert.deepEqual(await activity.query(`select 1 from ${locks} where locktype = 'advisory'`), [])
})
