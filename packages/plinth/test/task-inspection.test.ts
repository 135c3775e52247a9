import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Registry } from 'prom-client'
import { createDatabase, installSchema, type Observation, onObservations } from '../src/index.ts'
import { openTelemetryObservations } from '../src/otel.ts'
import { prometheusObservations } from '../src/prometheus.ts'
import { enqueue, listTasks, redriveTasks, retryTask, showTask, startWorker, type Task, task } from '../src/services.ts'
import { until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { startOpenTelemetry } from './support/otel.ts'

const { url } = await testDatabase({ script: 'create table effect (task text)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, service: 'tasks', pool: { max: 8 } })
after(() => activity.close())
after(() => db.close())
before(() => installSchema(db))
beforeEach(() => activity.query('truncate effect, plinth.task, plinth.worker'))

const give = async (one: Task<never>, input: unknown = null, options = {}): Promise<string> =>
  (await db.transaction((tx) => enqueue(tx, one, input as never, options))).id
const stateOf = async (id: string): Promise<string> => (await showTask(db, id)).state
const reaches = (id: string, state: string): Promise<unknown> => until(async () => (await stateOf(id)) === state)

/** Fails while `isBroken`, and writes its effect once it is mended. */
const flaky = { isBroken: true }
const mended = task(
  'mended',
  async (_: unknown, { complete, id }) => {
    if (flaky.isBroken) throw new RangeError('no such mailbox')
    await complete(async (tx) => void (await tx.query('insert into effect values ($1)', [id])))
  },
  { retry: { attempts: 1 } },
)
const delayed = task('delayed', () => Promise.resolve())

test('without the tables of tasks each question says how they are made', async () => {
  await using bare = createDatabase({ url: (await testDatabase()).url })
  const refusal = {
    code: 'UndefinedObject',
    sqlstate: '42P01',
    message: /tables of tasks/,
    hint: /installSchema\(db\)/,
  }
  await assert.rejects(listTasks(bare), refusal)
  await assert.rejects(showTask(bare, '1'), refusal)
  await assert.rejects(retryTask(bare, '1'), refusal)
  await assert.rejects(redriveTasks(bare, 'all'), refusal)
})

test('a dead letter says why, is given its attempts again, and its effect is there once', async () => {
  flaky.isBroken = true
  await using _ = await startWorker(db, [mended])
  const id = await give(mended, { to: 'ada' }, { key: 'k' })
  await reaches(id, 'dead')
  const dead = await showTask(db, id)
  assert.deepEqual([dead.input, dead.key, dead.attempt, dead.worker], [{ to: 'ada' }, 'k', 1, null])
  assert.deepEqual(dead.error, { code: 'RangeError', message: 'no such mailbox' })
  assert.deepEqual(
    (await listTasks(db, { states: ['dead'] })).map((one) => one.id),
    [id],
  )
  flaky.isBroken = false
  assert.equal(await redriveTasks(db, { id }), 1)
  await reaches(id, 'done')
  assert.deepEqual(await activity.query('select task from effect'), [{ task: id }])
  await assert.rejects(redriveTasks(db, { id }), { code: 'RowNotFound', message: `There is no dead task ${id}.` })
  assert.deepEqual(await listTasks(db), [])
})

test('dead letters are redriven by name or all at once, in batches, and others stay as they are', async () => {
  await activity.query(`insert into plinth.task (name, input, state, attempt, ended_at)
    select case when n % 3 = 0 then 'other' else 'mended' end, 'null', 'dead', 1, now() from generate_series(1, 3000) as n`)
  await activity.query(
    `insert into plinth.task (name, input, state, ended_at) values ('mended', 'null', 'done', now())`,
  )
  assert.equal(await redriveTasks(db, { name: 'mended' }), 2000)
  assert.deepEqual(
    await activity.query('select name, state, count(*)::int from plinth.task group by 1, 2 order by 1, 2'),
    [
      { name: 'mended', state: 'done', count: 1 },
      { name: 'mended', state: 'ready', count: 2000 },
      { name: 'other', state: 'dead', count: 1000 },
    ],
  )
  assert.deepEqual([await redriveTasks(db, 'all'), await redriveTasks(db, 'all')], [1000, 0])
  assert.equal(await redriveTasks(db, { name: 'nobody' }), 0)
})

test('a task that two redrive while a worker takes it runs once', async () => {
  flaky.isBroken = false
  await activity.query(`insert into plinth.task (name, input, state, attempt, ended_at)
    select 'mended', 'null', 'dead', 1, now() from generate_series(1, 20)`)
  await using _ = await startWorker(db, [mended])
  const counts = await Promise.all([
    redriveTasks(db, 'all'),
    redriveTasks(db, 'all'),
    redriveTasks(db, { name: 'mended' }),
  ])
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    20,
  )
  await until(async () => (await listTasks(db)).length === 0)
  assert.equal((await activity.query('select distinct task from effect')).length, 20)
  assert.equal((await activity.query('select from effect')).length, 20)
})

test('a task that waits runs at once when it is asked for, and one that is done or running is left alone', async () => {
  const id = await give(delayed, null, { afterMs: 3_600_000 })
  assert.equal(await stateOf(id), 'waiting')
  await retryTask(db, id)
  assert.equal(await stateOf(id), 'ready')
  await using _ = await startWorker(db, [delayed])
  await reaches(id, 'done')
  await assert.rejects(retryTask(db, id), { code: 'InvalidOperation', message: /Task \d+ is done/ })
  await activity.query(`update plinth.task set state = 'running'`)
  await assert.rejects(retryTask(db, id), { code: 'InvalidOperation', message: /Task \d+ is running/ })
  await assert.rejects(retryTask(db, '999'), { code: 'RowNotFound' })
  await assert.rejects(showTask(db, '1; drop'), { code: 'InvalidValue' })
})

test('a retryable that throws costs the task nothing but a word in its error', async () => {
  const asked = (): boolean => {
    throw new TypeError('mine')
  }
  const failing = (): Promise<void> => Promise.reject(new RangeError('the reason'))
  const one = task('judged', failing, { retry: { attempts: 2, baseMs: 1, retryable: asked } })
  const id = await give(one)
  await using _ = await startWorker(db, [one])
  await reaches(id, 'dead')
  const { attempt, error } = await showTask(db, id)
  assert.equal(attempt, 2)
  assert.match(error?.message ?? '', /^retryable of the task "judged" threw mine when it was asked about: the reason$/)
})

test('whatever a handler throws is recorded, an object without a prototype too', async () => {
  const one = task('odd', () => Promise.reject(Object.create(null)), { retry: { attempts: 1 } })
  const id = await give(one)
  await using _ = await startWorker(db, [one])
  await reaches(id, 'dead')
  assert.match((await showTask(db, id)).error?.message ?? '', /null prototype/)
})

test('each attempt is observed: its begin, its end, and what follows a failure', async () => {
  const seen: string[] = []
  const note = (one: Observation): void => {
    if (!('task' in one)) return
    const { kind, task: ref } = one
    const outcome = 'outcome' in one ? ` ${one.outcome}` : ''
    const why = 'failure' in one && one.failure !== undefined ? ` ${one.failure.message}` : ''
    seen.push(`${kind} ${ref.name} ${ref.attempt}${outcome}${why}`)
  }
  using _ = onObservations({ 'task.begin': note, 'task.end': note, 'task.retry': note, 'task.dead': note })
  const sdk = startOpenTelemetry()
  const registry = new Registry()
  const stops = [
    openTelemetryObservations({ tracer: sdk.tracer, meter: sdk.meter }),
    prometheusObservations(registry, { maxNames: 10 }),
  ]
  const failing = task('failing', () => Promise.reject(new RangeError('secret')), { retry: { attempts: 2, baseMs: 1 } })
  const id = await give(failing)
  await using worker = await startWorker(db, [failing, delayed])
  await reaches(id, 'dead')
  await reaches(await give(delayed), 'done')
  await until(async () => seen.length === 8)
  assert.deepEqual(seen, [
    'task.begin failing 1',
    'task.end failing 1 failed RangeError',
    'task.retry failing 1 RangeError',
    'task.begin failing 2',
    'task.end failing 2 failed RangeError',
    'task.dead failing 2 RangeError',
    'task.begin delayed 1',
    'task.end delayed 1 done',
  ])
  await worker.close()
  const spans = sdk.spans().filter(({ name }) => name.startsWith('task '))
  const outcomes = spans.map(({ name, attributes }) => `${name} ${String(attributes['plinth.task.outcome'])}`)
  assert.deepEqual(outcomes, ['task failing failed', 'task failing failed', 'task delayed done'])
  const lines = (await registry.metrics()).split('\n')
  for (const line of [
    'plinth_task_duration_seconds_count{service="tasks",name="failing",outcome="failed"} 2',
    'plinth_task_duration_seconds_count{service="tasks",name="delayed",outcome="done"} 1',
    'plinth_tasks_running{service="tasks"} 0',
    'plinth_retries_total{service="tasks",what="task",code="RangeError"} 1',
    'plinth_incidents_total{service="tasks",kind="task.dead"} 1',
  ])
    assert.ok(lines.includes(line), `${line} is not in\n${lines.join('\n')}`)
  for (const stop of stops) stop()
  await sdk.stop()
})
