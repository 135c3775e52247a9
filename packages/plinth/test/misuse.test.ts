import assert from 'node:assert/strict'
import { relative } from 'node:path'
import { execFile } from 'node:child_process'
import { createServer, get } from 'node:http'
import { after, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import { type Observation, onObservations, type Transaction } from '../src/index.ts'
import { errorOf, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int primary key)' })
const activity = await watchActivity(url)
const db = createDatabase({ url, pool: { max: 4, sharedLanes: 1 } })
after(() => activity.close())
after(() => db.close())
beforeEach(() => activity.query('truncate t'))

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)
const insert = (tx: Transaction, id: number): Promise<unknown> => tx.query('insert into t values ($1)', [id])

/** The place `back` lines above the caller, as an error names it. */
function place(back: number): string {
  const line = /test\/misuse\.test\.ts:(\d+)/.exec(new Error().stack?.split('\n')[2] ?? '')?.[1]
  return `${relative(process.cwd(), fileURLToPath(import.meta.url))}:${Number(line) - back}`
}

async function messageOf(work: Promise<unknown>, code: Parameters<typeof isPlinthError>[1]): Promise<string> {
  const error = await errorOf(work)
  assert.ok(isPlinthError(error, code), String(error))
  assert.ok(error.message.includes(`Fix: ${error.hint}`))
  return error.message
}

test('a swallowed error is told with its statement, its SQLSTATE, its constraint and its place', async () => {
  let failed = ''
  const work = db.transaction(
    async (tx) => {
      await insert(tx, 1)
      await insert(tx, 2)
      await tx.query('insert into t values (1)').catch(() => undefined)
      failed = place(1)
    },
    { name: 'createOrder' },
  )
  assert.equal(
    await messageOf(work, 'TransactionAborted'),
    `"createOrder" was rolled back: nothing was saved.
  Cause: statement 3 failed with 23505 (unique violation on t_pkey) and the error was caught at or above ${failed}.
  Fix: let the error propagate, or put the risky statement in tx.savepoint(), or use ON CONFLICT.`,
  )
  assert.deepEqual(await saved(), [])
})

test('a transaction inside a transaction is told with both names and both places', async () => {
  const outer = db.transaction(() => db.transaction(async () => 1, { name: 'chargeCard' }), { name: 'createOrder' })
  const here = place(1)
  assert.equal(
    await messageOf(outer, 'NestedTransaction'),
    `transaction "chargeCard" was begun inside the open transaction "createOrder".
  Cause: a service began its own transaction at ${here}. It would use a second connection, not see ` +
      `createOrder's rows, and can deadlock with it. "createOrder" was begun at ${here}.
  Fix: take \`tx: Transaction\` as a parameter. A part that may fail alone: tx.savepoint(). ` +
      'Work that must commit by itself: db.independent().',
  )
})

test('a transaction of a session is told with its place too', async () => {
  await using session = await db.session()
  const nested = session.transaction(() => db.transaction(async () => 1), { name: 'imported' })
  assert.ok((await messageOf(nested, 'NestedTransaction')).includes(`"imported" was begun at ${place(1)}.`))
})

test('a statement after the end is told with the ending, the time since and its place', async () => {
  const kept: Transaction[] = []
  await db.transaction(async (tx) => void kept.push(tx), { name: 'createOrder' })
  const late = kept.map((tx) => tx.query('select 1'))
  const here = place(1)
  const message = await messageOf(Promise.all(late), 'TransactionClosed')
  assert.match(message, /^statement on "createOrder", which committed \d+ ms ago\.\n/)
  assert.ok(message.includes(`Cause: a promise was not awaited, or the handle was stored. It was used at ${here}.`))
})

test('the database handle in a transaction, and a statement nobody awaited, are told with their places', async () => {
  const root = db.transaction(() => db.query('select 1'))
  assert.ok((await messageOf(root, 'RootHandleInTransaction')).includes(`db was used at ${place(1)}`))
  const floating = db.transaction(
    async (tx) => {
      void tx.query('select pg_sleep(0.01) from pg_class limit 1')
    },
    { name: 'report' },
  )
  const told = `nobody waited for SELECT pg_class. "report" was begun at ${place(6)}.`
  assert.ok((await messageOf(floating, 'FloatingStatement')).includes(told))
})

test('a session and a stream of the database are refused inside a transaction like a statement', async () => {
  const rows = async (): Promise<void> => {
    for await (const _ of db.stream('select 1')) return
  }
  await db.transaction(async () => {
    await assert.rejects(db.session(), { code: 'RootHandleInTransaction' })
    await assert.rejects(rows(), { code: 'RootHandleInTransaction' })
    await assert.rejects(db.pgPool().query('select 1'), { code: 'RootHandleInTransaction' })
  })
})

test('with misuse observed the handle works inside a transaction, outside of it, and is reported with its place', async () => {
  await using lenient = createDatabase({ url, pool: { max: 2, sharedLanes: 0 }, misuse: 'observe' })
  const seen: Observation[] = []
  const stop = onObservations({ misuse: (observation) => void seen.push(observation) })
  let here = ''
  await lenient
    .transaction(
      async () => {
        await lenient.query('insert into t values (1)')
        here = place(1)
        throw new Error('mine')
      },
      { name: 'createOrder' },
    )
    .catch(() => undefined)
  stop()
  assert.deepEqual(await saved(), [1])
  assert.deepEqual(
    seen.map((one) => (one.kind === 'misuse' ? [one.what, one.transaction, one.place] : one)),
    [['root handle', 'createOrder', here]],
  )
  await assert.rejects(
    lenient.transaction(() => lenient.transaction(async () => 1)),
    { code: 'NestedTransaction' },
  )
  assert.throws(() => createDatabase({ url, misuse: 'ignore' as 'observe' }), { code: 'InvalidOption' })
})

test('an HTTP request inside a transaction is reported, by fetch and by node:http, and none outside', async () => {
  const server = createServer((_, response) => response.end('ok'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const target = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/secret?token=1`
  const byNode = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      get(target, (response) => response.resume().on('end', resolve)).on('error', reject)
    })
  const seen: Observation[] = []
  const warnings: (Error & { readonly detail?: string })[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  const stop = onObservations({ misuse: (observation) => void seen.push(observation) })
  const ask = async (tx: Transaction): Promise<void> => {
    tx.afterCommit(async () => void (await (await fetch(target)).text()))
    await (await fetch(target)).text()
    await byNode()
  }
  await db.transaction(ask, { name: 'chargeCard' })
  await db.transaction((tx) => tx.savepoint(ask), { name: 'refund' })
  await (await fetch(target)).text()
  await byNode()
  stop()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', warn)
  await new Promise((resolve) => server.close(resolve).closeAllConnections())
  assert.deepEqual(
    seen.map((one) => (one.kind === 'misuse' ? [one.what, one.transaction] : one)),
    [
      ['http request', 'chargeCard'],
      ['http request', 'chargeCard'],
      ['http request', 'refund'],
      ['http request', 'refund'],
    ],
  )
  assert.ok(seen.every((one) => one.kind === 'misuse' && /test\/misuse\.test\.ts:\d+$/.test(one.place ?? '')))
  const ours = warnings.filter(({ name }) => name === 'PlinthWarning')
  assert.deepEqual(
    ours.map(({ message }) => message.replace(/:\d+/, '')),
    [
      'an HTTP request (GET 127.0.0.1) was made inside the open transaction "chargeCard".',
      'an HTTP request (GET 127.0.0.1) was made inside the open transaction "refund".',
    ],
  )
  assert.match(
    ours[0]?.detail ?? '',
    /was made at .*misuse\.test\.ts:\d+\. .*"chargeCard" was begun at .*misuse\.test\.ts/,
  )
  assert.ok(!JSON.stringify(ours.map(({ message, detail }) => [message, detail])).includes('secret'))
})

test('whatever a program does to the stacks of errors, statements go on and errors have their message', async () => {
  const { stackTraceLimit } = Error
  const before: unknown = Reflect.get(Error, 'prepareStackTrace')
  const late = async (): Promise<unknown> => {
    const kept: Transaction[] = []
    await db.transaction(async (tx) => void kept.push(tx))
    return errorOf(Promise.all(kept.map((tx) => tx.query('select 1'))))
  }
  try {
    Error.prepareStackTrace = () => ({ frames: 0 })
    const error = await late()
    assert.ok(isPlinthError(error, 'TransactionClosed'))
    assert.match(error.message, /was stored\. It was used afterwards\./)
  } finally {
    Reflect.set(Error, 'prepareStackTrace', before)
  }
  assert.equal(Error.stackTraceLimit, stackTraceLimit)
})

test('a database that is closed watches no requests', async () => {
  const alone = `import { channel } from 'node:diagnostics_channel'
    import { createDatabase } from ${JSON.stringify(new URL('../src/database/database.ts', import.meta.url).href)}
    const seen = () => channel('undici:request:create').hasSubscribers
    const db = createDatabase({ url: process.env.DB })
    const open = seen()
    await db.close()
    console.log(open, seen())`
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=plinth-dev', '--input-type=module-typescript', '-e', alone],
    { env: { ...process.env, DB: url } },
  )
  assert.equal(stdout, 'true false\n')
})
