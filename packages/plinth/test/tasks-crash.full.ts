import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createDatabase, installSchema } from '../src/index.ts'
import { enqueue, startWorker } from '../src/services.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { effect } from './support/effect-task.ts'

const { url } = await testDatabase({ script: 'create table effect (task text, attempt int)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 4 } })
after(() => activity.close())
after(() => db.close())
before(() => installSchema(db))
beforeEach(() => activity.query('truncate effect, plinth.task, plinth.worker'))

const program = fileURLToPath(new URL('support/task-program.ts', import.meta.url))
const here = effect(() => Promise.resolve())

function startProgram(...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ['--conditions=plinth-dev', program, url, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  after(() => child.kill('SIGKILL'))
  return child
}

async function ended(withinMs = 20_000): Promise<void> {
  for (const end = performance.now() + withinMs; performance.now() < end; await sleep(5))
    if ((await activity.query(`select from plinth.task where state <> 'done'`)).length === 0) return
  assert.fail(JSON.stringify(await activity.query('select * from plinth.task')))
}

const give = (): Promise<unknown> => db.transaction((tx) => enqueue(tx, here, null))
const effects = async (): Promise<number> => (await activity.query('select from effect')).length

test('a worker killed after any of its statements leaves a task whose effect is there once', async (t) => {
  let killed = 0
  for (let killAt = 1; ; killAt++) {
    await activity.query('truncate effect, plinth.task, plinth.worker')
    await give()
    const [, signal] = await once(startProgram(String(killAt)), 'exit')
    if (signal === null) break
    killed++
    await using _ = await startWorker(db, [here])
    await ended()
    assert.equal(await effects(), 1, `killed after statement ${killAt}`)
  }
  t.diagnostic(`killed after each of ${killed} statements`)
  // Its sign of life, the claim, the handler and the end of the task are among them.
  assert.ok(killed >= 8)
  await ended()
})

test('the task of a killed worker is taken over by a running one', async (t) => {
  const took: number[] = []
  while (took.length < 10) {
    await activity.query('truncate effect, plinth.task, plinth.worker')
    await give()
    const child = startProgram('0', '60000')
    await once(child.stdout ?? child, 'data')
    await using _ = await startWorker(db, [here])
    const from = performance.now()
    child.kill('SIGKILL')
    await ended()
    took.push(Math.round(performance.now() - from))
    assert.deepEqual(await activity.query('select attempt from effect'), [{ attempt: 2 }])
  }
  const median = took.toSorted((a, b) => a - b)[5]
  t.diagnostic(`done ${took.join(', ')} ms after the kill; median ${median} ms`)
  // Far from what it takes, and far from the lease of 30 s.
  assert.ok(Math.max(...took) < 5000)
})

test('workers that stand side by side and are killed at once leave their tasks to the one that lives', async (t) => {
  for (let i = 0; i < 4; i++) await give()
  const children = Array.from({ length: 4 }, () => startProgram('0', '60000', '1'))
  await Promise.all(children.map((child) => once(child.stdout ?? child, 'data')))
  await using _ = await startWorker(db, [here])
  const from = performance.now()
  for (const child of children) child.kill('SIGKILL')
  await ended()
  const ms = Math.round(performance.now() - from)
  t.diagnostic(`done ${ms} ms after the kill`)
  assert.deepEqual(await activity.query('select attempt from effect'), Array(4).fill({ attempt: 2 }))
  assert.equal((await activity.query('select from plinth.worker')).length, 1)
  // Without looking on, each stands in the way of the next; and nobody waits for the look at all, each 10 s.
  assert.ok(ms < 5000)
})

test('a frozen worker loses its task with its lease, and writes nothing when it thaws', async () => {
  await give()
  const child = startProgram('0', '1000')
  await once(child.stdout ?? child, 'data')
  child.kill('SIGSTOP')
  // Instead of 30 s of silence.
  await activity.query(`update plinth.worker set lease_until = now() - interval '1 s'`)
  await using _ = await startWorker(db, [here])
  await ended()
  child.kill('SIGCONT')
  await sleep(1500)
  assert.deepEqual(await activity.query('select attempt from effect'), [{ attempt: 2 }])
  child.kill('SIGKILL')
})

test('workers that are killed over and over among many tasks leave each effect once', async () => {
  await db.transaction(async (tx) => {
    for (let i = 0; i < 60; i++) await enqueue(tx, here, null)
  })
  await using _ = await startWorker(db, [here], { concurrency: 2 })
  for (const killAt of ['9', '14', '19']) await once(startProgram(killAt, '5'), 'exit')
  await ended()
  const [seen] = await activity.query('select count(*)::int, count(distinct task)::int as tasks from effect')
  assert.deepEqual(seen, { count: 60, tasks: 60 })
})
