import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase, installSchema, isPlinthError, onObservations } from '../src/index.ts'
import { enqueue, startWorker, type Task, task, type TaskContext, type TaskReference } from '../src/services.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table effect (task text, attempt int)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 8 } })
after(() => activity.close())
after(() => db.close())
before(() => installSchema(db))
beforeEach(() => activity.query('truncate effect, plinth.task, plinth.worker, plinth.cron'))

const noting = (name: string, options = {}): Task<unknown> =>
  task(name, (_input: unknown, { complete, id, attempt }) => complete((tx) => note(tx, id, attempt)), options)
const note = async (tx: Pick<TaskContext['db'], 'query'>, id: string, attempt: number): Promise<void> => {
  await tx.query('insert into effect values ($1, $2)', [id, attempt])
}
const give = (one: Task<never>, input: unknown = null, options = {}): Promise<{ id: string; isNew: boolean }> =>
  db.transaction((tx) => enqueue(tx, one, input as never, options))
const states = async (): Promise<unknown[]> =>
  (await activity.query('select state, count(*)::int from plinth.task group by state order by state')).map((row) =>
    Object.values(row).join(' '),
  )

/** Waits until the query holds, for 30 s at most. */
async function until(claim: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000
  while (performance.now() < deadline) {
    if (await claim()) return
    await sleep(10)
  }
  assert.fail('it did not come to that within 30 s')
}
const allEnded = async (): Promise<boolean> =>
  (await activity.query(`select from plinth.task where state not in ('done', 'dead')`)).length === 0

test('a process that only asks for a task needs its name, and where it has groups how they are told', async () => {
  const welcome: TaskReference<{ tenant: string }> = { name: 'welcome', group: ({ tenant }) => tenant }
  await db.transaction((tx) => enqueue(tx, welcome, { tenant: 'a' }))
  await db.transaction((tx) => enqueue(tx, { name: 'plain' }, 7))
  assert.deepEqual(await activity.query('select name, group_key, input from plinth.task order by name'), [
    { name: 'plain', group_key: '', input: 7 },
    { name: 'welcome', group_key: 'a', input: { tenant: 'a' } },
  ])
})

test('a task exists exactly when the transaction that enqueued it has committed', async () => {
  const one = noting('a')
  await give(one)
  const rolledBack = db.transaction(async (tx) => {
    await enqueue(tx, one, null)
    throw new RangeError('no')
  })
  await assert.rejects(rolledBack, RangeError)
  await using _ = await startWorker(db, [one])
  await until(allEnded)
  assert.deepEqual([await states(), await activity.query('select attempt from effect')], [['done 1'], [{ attempt: 1 }]])
})

test('a worker that waits is woken by a commit, long before it would look', async () => {
  const one = noting('a')
  const from = performance.now()
  await using _ = await startWorker(db, [one])
  // It has looked at 0, 0.5 and 1.5 s, and looks again at 3.5 s.
  await sleep(1700)
  await give(one)
  await until(allEnded)
  assert.ok(performance.now() - from < 3500)
})

test('a failing attempt is run again after a delay, and the last one leaves a dead letter with its cause', async () => {
  const seen: number[] = []
  const one = task(
    'fails',
    (_: null, { attempt }) => {
      seen.push(attempt)
      return Promise.reject(new RangeError('out of stamps'))
    },
    { retry: { attempts: 3, baseMs: 1 } },
  )
  await give(one)
  await using _ = await startWorker(db, [one])
  await until(allEnded)
  const [dead] = await activity.query(
    `select state, attempt, error->>'code' as code, error->>'message' as message from plinth.task`,
  )
  assert.deepEqual(dead, { state: 'dead', attempt: 3, code: 'RangeError', message: 'out of stamps' })
  assert.deepEqual(seen, [1, 2, 3])
})

test('an effect in a completion that fails is undone with it', async () => {
  const one = task(
    'half',
    async (_: null, { complete, id, attempt }) =>
      complete(async (tx) => {
        await note(tx, id, attempt)
        if (attempt === 1) throw new RangeError('half way')
      }),
    { retry: { baseMs: 1 } },
  )
  await give(one)
  await using _ = await startWorker(db, [one])
  await until(allEnded)
  assert.deepEqual(await activity.query('select attempt from effect'), [{ attempt: 2 }])
})

test('a failure is recorded although the connection of the handler is gone, and its effect with it', async () => {
  const handler = async (_: null, { db: own, id, attempt }: TaskContext): Promise<void> => {
    await using session = await own.session()
    await session.transaction(async (tx) => {
      await note(tx, id, attempt)
      await tx.query('select pg_terminate_backend(pg_backend_pid())')
    })
  }
  const one = task('cut off', handler, { retry: { attempts: 1 } })
  await give(one)
  await using _ = await startWorker(db, [one])
  await until(allEnded)
  const [dead] = await activity.query(`select state, error->>'code' as code from plinth.task`)
  assert.deepEqual(dead, { state: 'dead', code: 'ConnectionLost' })
  assert.deepEqual(await activity.query('select from effect'), [])
})

test('a task whose worker died in each attempt is a dead letter, and is not run again', async () => {
  const one = noting('deadly', { retry: { attempts: 3 } })
  await give(one)
  await activity.query('update plinth.task set attempt = 3')
  await using _ = await startWorker(db, [one])
  await until(allEnded)
  const [dead] = await activity.query(`select state, error->>'message' as message from plinth.task`)
  assert.deepEqual(dead, { state: 'dead', message: 'Its worker died in each of 3 attempts.' })
  assert.deepEqual(await activity.query('select from effect'), [])
})

test('an error that will be the same next time makes a dead letter at once', async () => {
  const one = task('refused', () => Promise.reject(new TypeError('no such address')), {
    retry: { retryable: (error) => !(error instanceof TypeError) },
  })
  await give(one)
  await using _ = await startWorker(db, [one])
  await until(allEnded)
  assert.deepEqual(
    [await states(), await activity.query('select attempt from plinth.task')],
    [['dead 1'], [{ attempt: 1 }]],
  )
})

test('a key has one task, also when two transactions ask at once and after it has run', async () => {
  const one = noting('keyed')
  const both = await Promise.all([give(one, null, { key: 'k' }), give(one, null, { key: 'k' })])
  assert.equal(both.filter(({ isNew }) => isNew).length, 1)
  assert.equal(both[0].id, both[1].id)
  await using _ = await startWorker(db, [one])
  await until(allEnded)
  assert.deepEqual(await give(one, null, { key: 'k' }), { id: both[0].id, isNew: false })
})

test('a task runs no earlier than it was asked for', async () => {
  const one = noting('later')
  await using _ = await startWorker(db, [one])
  await give(one, null, { afterMs: 400 })
  await until(allEnded)
  const [row] = await activity.query("select started_at < created_at + interval '400 ms' as early from plinth.task")
  assert.equal(row?.['early'], false)
})

test('two workers run each of many tasks once', async () => {
  const one = noting('many')
  await db.transaction(async (tx) => {
    for (let i = 0; i < 200; i++) await enqueue(tx, one, i)
  })
  await using _first = await startWorker(db, [one], { concurrency: 3 })
  await using _second = await startWorker(db, [one], { concurrency: 3 })
  await until(allEnded)
  const [seen] = await activity.query('select count(*)::int, count(distinct task)::int as tasks from effect')
  assert.deepEqual(seen, { count: 200, tasks: 200 })
})

test('the groups of a task take turns', async () => {
  const order: string[] = []
  const one = task(
    'grouped',
    async (tenant: string) => {
      order.push(tenant)
    },
    { group: (tenant) => tenant },
  )
  await db.transaction(async (tx) => {
    for (let i = 0; i < 20; i++) await enqueue(tx, one, 'loud')
    await enqueue(tx, one, 'quiet')
  })
  await using _ = await startWorker(db, [one], { concurrency: 2 })
  await until(allEnded)
  assert.ok(order.indexOf('quiet') < 4, order.join(' '))
})

test('no more tasks of a group run at once than its limit, in all workers together', async () => {
  let running = 0
  let most = 0
  const one = task(
    'limited',
    async () => {
      most = Math.max(most, ++running)
      await sleep(20)
      running--
    },
    { groupConcurrency: 2 },
  )
  await db.transaction(async (tx) => {
    for (let i = 0; i < 12; i++) await enqueue(tx, one, null)
  })
  await using _first = await startWorker(db, [one])
  await using _second = await startWorker(db, [one])
  await until(allEnded)
  assert.equal(most, 2)
})

test('an attempt that passes its time limit has failed, and its signal tells it', async () => {
  const reasons: unknown[] = []
  const one = task(
    'slow',
    async (_: null, { signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      reasons.push(isPlinthError(signal.reason) && signal.reason.code)
    },
    { timeoutMs: 50, retry: { attempts: 1 } },
  )
  await give(one)
  await using _ = await startWorker(db, [one])
  await until(allEnded)
  assert.deepEqual([await states(), reasons], [['dead 1'], ['TransactionTimeout']])
})

test('closing waits for what runs, and gives back what does not end', async () => {
  const one = task('short', async (_: null, { complete, id, attempt }) => {
    await sleep(150)
    await complete((tx) => note(tx, id, attempt))
  })
  const endless = task('endless', () => new Promise<void>(() => undefined))
  await give(one)
  const worker = await startWorker(db, [one, endless])
  await until(async () => String(await states()) === 'running 1')
  await worker.close()
  assert.deepEqual(await states(), ['done 1'])
  await give(endless)
  const second = await startWorker(db, [endless])
  await until(async () => String(await states()) === 'done 1,running 1')
  await second.close({ deadlineMs: 50 })
  assert.deepEqual(await states(), ['done 1', 'ready 1'])
  assert.deepEqual(await activity.query('select from plinth.worker'), [])
})

test('a worker that counts as dead cannot end its task, and writes nothing', async () => {
  const entered = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<unknown>()
  const one = task('zombie', async (_: null, { complete, id, attempt }) => {
    if (attempt > 1) return complete((tx) => note(tx, id, attempt))
    entered.resolve()
    await go.promise
    await complete((tx) => note(tx, id, attempt)).then(ended.resolve, (error: unknown) => {
      ended.resolve(error)
      throw error
    })
  })
  await give(one)
  await using _ = await startWorker(db, [one])
  await entered.promise
  await activity.query(`update plinth.task set state = 'ready', worker = null`)
  await until(allEnded)
  go.resolve()
  assert.ok(isPlinthError(await ended.promise, 'TaskTakenOver'))
  assert.deepEqual(await activity.query('select attempt from effect'), [{ attempt: 2 }])
})

test('a schedule enqueues its task once for a time that has come, whatever the number of workers', async () => {
  const one = task<null>('nightly', (_, { complete, id, attempt }) => complete((tx) => note(tx, id, attempt)), {
    cron: '0 3 * * *',
  })
  await using _first = await startWorker(db, [one])
  await activity.query(`update plinth.cron set next_at = now() - interval '3 days'`)
  await using _second = await startWorker(db, [one])
  await using _third = await startWorker(db, [one])
  await until(async () => (await activity.query('select from effect')).length > 0)
  await sleep(300)
  assert.deepEqual(await activity.query('select attempt from effect'), [{ attempt: 1 }])
  const [row] = await activity.query('select next_at > now() as is_next from plinth.cron')
  assert.deepEqual(row, { is_next: true })
})

test('the first time of a schedule is after the time of the database, whatever the clock of the worker says', async (t) => {
  const one = task<null>('nightly', () => Promise.resolve(), { cron: '0 3 * * *' })
  t.mock.timers.enable({ apis: ['Date'], now: new Date('2040-01-01') })
  await using _ = await startWorker(db, [one])
  t.mock.timers.reset()
  const [row] = await activity.query(`select next_at - now() <= interval '1 day' as is_today from plinth.cron`)
  assert.deepEqual(row, { is_today: true })
})

test('what ended 14 days ago is removed to the last, and nothing else', async () => {
  const ended = (state: string, ago: string, count: number): Promise<unknown> =>
    activity.query(`insert into plinth.task (name, input, state, ended_at)
      select 'old', 'null', '${state}', now() - interval '${ago}' from generate_series(1, ${count})`)
  await ended('done', '14 days 1 minute', 10_001)
  await ended('dead', '14 days 1 minute', 1)
  await ended('done', '13 days 23 hours', 1)
  await ended('dead', '13 days 23 hours', 1)
  await activity.query(`insert into plinth.task (name, input, state, run_at, created_at)
    values ('old', 'null', 'waiting', now() + interval '1 day', now() - interval '1 year')`)
  await using _ = await startWorker(db, [noting('a')])
  await until(async () => (await activity.query('select from plinth.task')).length <= 3)
  assert.deepEqual(await states(), ['dead 1', 'done 1', 'waiting 1'])
})

test('a worker that cannot do its work tells it, and goes on when it can', async () => {
  const one = noting('a')
  const told = new Set<string>()
  using _ = onObservations({
    'worker.failed': ({ failure, attempt }) => void told.add(`${failure.sqlstate} ${attempt}`),
  })
  await using worker = await startWorker(db, [one])
  await activity.query('alter table plinth.task rename to hidden')
  await activity.query(`select pg_notify('plinth_task', '')`)
  await until(async () => told.has('42P01 1'))
  await activity.query('alter table plinth.hidden rename to task')
  await give(one)
  await until(allEnded)
  await worker.close()
})

test('a worker whose sign of life fails tells why', async () => {
  const told = new Set<string>()
  using _ = onObservations({ 'worker.failed': ({ failure }) => void told.add(failure.code) })
  await using worker = await startWorker(db, [])
  await activity.query('alter table plinth.worker rename to hidden')
  await until(async () => told.has('UndefinedObject'))
  await activity.query('alter table plinth.hidden rename to worker')
  await worker.close()
})

test('a failure that cannot be recorded is told until it can be', async () => {
  const entered = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const one = task('failing', async () => {
    entered.resolve()
    await go.promise
    throw new RangeError('out of stamps')
  })
  await give(one)
  await using worker = await startWorker(db, [one])
  await entered.promise
  const told = new Set<string | undefined>()
  using _ = onObservations({ 'worker.failed': ({ failure }) => void told.add(failure.summary) })
  await activity.query('alter table plinth.task rename column error to hidden')
  go.resolve()
  // The claims fail too.
  await until(async () => told.has('UPDATE task'))
  await activity.query('alter table plinth.task rename column hidden to error')
  await until(async () => String(await states()) === 'waiting 1')
  await worker.close()
})

test('a worker looks after the one that follows it, and no other', async () => {
  // Both rows say they live; only the first has the lock that proves it.
  await activity.query(`insert into plinth.worker (id, service, lease_until)
    select id, 'another', now() + interval '1 hour' from unnest(array[2000000001, 2000000002]) as id`)
  await activity.query('select pg_advisory_lock(8102, 2000000001)')
  await using _ = await startWorker(db, [])
  const others = async (): Promise<number> =>
    (await activity.query('select from plinth.worker where id > 2000000000')).length
  await sleep(300)
  assert.equal(await others(), 2)
  await activity.query('select pg_advisory_unlock(8102, 2000000001)')
  await until(async () => (await others()) === 0)
})

test('a task may have no time limit, which is no timer of 1 ms', async () => {
  const one = task('endless', (_: null, { signal }) => sleep(50, undefined, { signal }), {
    timeoutMs: Infinity,
    retry: { attempts: 1 },
  })
  await give(one)
  await using _ = await startWorker(db, [one])
  await until(allEnded)
  assert.deepEqual(await states(), ['done 1'])
})

test('work of a handler is told to be refused: two tasks of one name, a name that is none, no attempts', async () => {
  const one = noting('twice')
  await assert.rejects(startWorker(db, [one, noting('twice')]), { code: 'InvalidOption' })
  await assert.rejects(startWorker(db, [one], { concurrency: 0 }), { code: 'InvalidOption' })
  assert.throws(() => noting(''), { code: 'InvalidOption' })
  assert.throws(() => noting('a', { retry: { attempts: 0 } }), { code: 'InvalidOption' })
  assert.throws(() => noting('a', { retry: { attempts: 2.5 } }), { code: 'InvalidOption' })
  assert.throws(() => noting('a', { groupConcurrency: 1.5 }), { code: 'InvalidOption' })
  assert.throws(() => noting('a', { timeoutMs: Number.NaN }), { code: 'InvalidOption' })
  const circular: { self?: unknown } = {}
  circular.self = circular
  await assert.rejects(give(one, circular), { code: 'InvalidValue' })
})
