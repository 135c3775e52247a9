import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import * as Sentry from '@sentry/node'
import { createDatabase } from '../src/database/database.ts'
import { installSchema, onObservations } from '../src/index.ts'
import { sentryObservations } from '../src/sentry.ts'
import { enqueue, startWorker, task } from '../src/services.ts'
import { startSentry } from './support/sentry.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table users (id int primary key, name text not null)' })
const sent = startSentry()
const stop = sentryObservations()
const db = createDatabase({ url, service: 'watched', pool: { max: 1 } })
after(async () => {
  stop()
  await db.close()
  await Sentry.close()
})
beforeEach(() => sent.clear())

const conflict = "do $$ begin raise exception using errcode = '40001'; end $$"

test('a transaction is a span, its attempts are below it, and its statements below those', async () => {
  await db.query('select 1')
  sent.clear()
  await Sentry.startSpan({ name: 'request' }, () =>
    db.transaction(
      async (tx) => {
        if (tx.attempt === 1) await tx.query(conflict)
        await tx.query('select * from users')
      },
      { name: 'signUp' },
    ),
  )
  const spans = await sent.spans()
  const named = (name: string): (typeof spans)[number] => {
    const [span, ...more] = spans.filter((one) => one.name === name)
    assert.ok(span && more.length === 0, `${name}: ${spans.map((one) => one.name).join(', ')}`)
    return span
  }
  const valueOf = (span: (typeof spans)[number], attribute: string): unknown => span.attributes[attribute]?.value
  const whole = named('transaction signUp')
  const [first, second] = [named('attempt 1'), named('attempt 2')]
  assert.equal(whole.parent_span_id, named('request').span_id)
  assert.deepEqual([first.parent_span_id, second.parent_span_id], [whole.span_id, whole.span_id])
  assert.equal(named('SELECT users').parent_span_id, second.span_id)
  assert.equal(named('DO').parent_span_id, first.span_id)
  assert.deepEqual([first.status, second.status, whole.status], ['error', 'ok', 'ok'])
  assert.equal(valueOf(first, 'plinth.transaction.outcome'), 'rolled back')
  assert.equal(valueOf(first, 'db.response.status_code'), '40001')
  assert.equal(valueOf(second, 'plinth.transaction.attempt'), 2)
  assert.equal(valueOf(whole, 'plinth.transaction.attempts'), 2)
  assert.ok(whole.end_timestamp > whole.start_timestamp)
  assert.deepEqual(await sent.events(), [])
})

test('an error is captured once, after the last attempt, by SQLSTATE and summary', async () => {
  let attempts = 0
  const failing = db.transaction(
    async (tx) => {
      attempts++
      await tx.query(conflict)
    },
    { name: 'signUp', retry: { attempts: 3 } },
  )
  const error: unknown = await failing.catch((caught: unknown) => caught)
  // As the router's own Sentry handler does with what came out of it.
  Sentry.captureException(error)
  const events = await sent.events()
  assert.equal(attempts, 3)
  assert.equal(events.length, 1)
  const [event] = events
  assert.deepEqual(event.fingerprint, ['plinth', '40001', 'DO'])
  assert.equal(event.tags['plinth.attempts'], 3)
  assert.equal(event.tags['plinth.transaction'], 'signUp')
  assert.equal(event.exception.values[0].type, 'SerializationFailureError')
  assert.ok(event.exception.values[0].stacktrace.frames.length > 0)
  const retries = event.breadcrumbs.filter(({ category }: { category: string }) => category === 'plinth.retry')
  assert.equal(retries.length, 2)
})

test('a single statement that failed is captured, and what the caller threw is left to the caller', async () => {
  await db.query('select * from nowhere').catch(() => undefined)
  await db.transaction(() => Promise.reject(new Error('mine'))).catch(() => undefined)
  const events = await sent.events()
  assert.deepEqual(
    events.map(({ fingerprint }) => fingerprint),
    [['plinth', '42P01', 'SELECT nowhere']],
  )
})

test('a task is a span for each attempt, and its death an event whatever killed it', async () => {
  await using many = createDatabase({ url, service: 'tasks', pool: { max: 4 } })
  await installSchema(many)
  sent.clear()
  const died = Promise.withResolvers<void>()
  using _ = onObservations({ 'task.dead': () => died.resolve() })
  const failing = task('welcome', () => Promise.reject(new RangeError('mine')), { retry: { attempts: 2, baseMs: 1 } })
  await using _worker = await startWorker(many, [failing])
  await many.transaction((tx) => enqueue(tx, failing, null))
  await died.promise
  const [event, ...more] = await sent.events()
  assert.deepEqual([event?.fingerprint, more], [['plinth', 'RangeError', 'welcome'], []])
  assert.deepEqual([event?.tags['plinth.task'], event?.tags['plinth.attempts']], ['welcome', 2])
  assert.equal(event?.exception.values[0].value, 'RangeError')
  const attempts = (await sent.spans()).filter(({ name }) => name === 'task welcome')
  assert.deepEqual(
    attempts.map(({ status, attributes }) => [status, attributes['plinth.task.outcome']?.value]),
    [
      ['error', 'failed'],
      ['error', 'failed'],
    ],
  )
})

test('a failure inside a savepoint that the transaction survived is no event', async () => {
  await db.transaction(async (tx) => {
    await tx.savepoint((inner) => inner.query('select * from nowhere')).catch(() => undefined)
  })
  assert.deepEqual(await sent.events(), [])
})

test('the wait for a connection is a span and a breadcrumb', async () => {
  await Sentry.startSpan({ name: 'request' }, () =>
    Promise.all([db.query('select pg_sleep(0.05)'), db.query('select pg_sleep(0.05)')]),
  )
  const spans = await sent.spans()
  const wait = spans.find(({ name }) => name === 'pool wait')
  assert.equal(wait?.parent_span_id, spans.find(({ name }) => name === 'request')?.span_id)
  assert.ok(wait && wait.end_timestamp - wait.start_timestamp > 0.03)
})

test('without spans of statements the transaction still has its own, and what isReported refuses is no event', async () => {
  stop()
  using _ = sentryObservations({ statementSpans: false, isReported: ({ sqlstate }) => sqlstate !== '42P01' })
  await Sentry.startSpan({ name: 'request' }, async () => {
    await db.transaction((tx) => tx.query('select * from users'), { name: 'quiet' })
    await db.query('select * from nowhere').catch(() => undefined)
    await db.query('select 1 / 0').catch(() => undefined)
  })
  const names = (await sent.spans()).map(({ name }) => name)
  assert.ok(names.includes('transaction quiet'))
  assert.deepEqual(
    names.filter((name) => name.startsWith('SELECT')),
    [],
  )
  const fingerprints = (await sent.events()).map(({ fingerprint }) => fingerprint[1])
  assert.deepEqual(fingerprints, ['22012'])
})
