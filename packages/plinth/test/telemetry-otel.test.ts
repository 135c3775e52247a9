import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { context, type HrTime, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { createDatabase } from '../src/database/database.ts'
import { openTelemetryObservations } from '../src/otel.ts'
import { testDatabase } from './support/database.ts'
import { startOpenTelemetry } from './support/otel.ts'

const { url } = await testDatabase({ script: 'create table users (id int primary key, name text not null)' })
context.setGlobalContextManager(new AsyncLocalStorageContextManager())
const sdk = startOpenTelemetry()
const { tracer, meter } = sdk
const stop = openTelemetryObservations({ tracer, meter, maxNames: 5 })
const db = createDatabase({ url, service: 'watched', pool: { max: 1 } })
after(async () => {
  stop()
  await db.close()
  await sdk.stop()
})
beforeEach(() => sdk.clear())

const { hostname, port, pathname } = new URL(url)
const server = {
  'db.system.name': 'postgresql',
  'db.namespace': pathname.slice(1),
  'server.address': hostname,
  'server.port': Number(port),
}

function seconds([whole, nanos]: HrTime): number {
  return whole + nanos / 1e9
}

/** The data points of a metric. */
async function points(name: string): Promise<{ attributes: object; value: unknown }[]> {
  const all = (await sdk.metrics()).flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  const named = all.filter(({ descriptor }) => descriptor.name === name)
  return named.flatMap(({ dataPoints }): { attributes: object; value: unknown }[] => dataPoints)
}

test('a statement is a client span with the attributes of the semantic conventions', async () => {
  await db.query('select * from users where id = $1', [7])
  const span = sdk.spans().find(({ name }) => name !== 'pool wait')
  assert.equal(span?.name, 'SELECT users')
  assert.equal(span.kind, SpanKind.CLIENT)
  assert.deepEqual(span.attributes, {
    ...server,
    'db.query.summary': 'SELECT users',
    'db.operation.name': 'SELECT',
    'db.collection.name': 'users',
    'db.response.returned_rows': 0,
  })
  assert.ok(seconds(span.duration) > 0)
})

test('the operation and the collection of a span are those of its summary', async () => {
  const texts = ['create table "BIG" (id int)', 'insert into "BIG" select id from users', 'select * from "BIG"']
  for (const text of texts) await db.query(text)
  const attributes = sdk.spans().map((span) => span.attributes)
  assert.deepEqual(
    attributes.map((one) => [one['db.operation.name'], one['db.collection.name']]),
    [
      ['CREATE TABLE', 'BIG'],
      ['INSERT', undefined],
      ['SELECT', 'BIG'],
    ],
  )
})

test('a transaction is a span of its caller, its attempts are below it, and its statements below those', async () => {
  const root = tracer.startSpan('request')
  await context.with(trace.setSpan(context.active(), root), () =>
    db.transaction(
      async (tx) => {
        if (tx.attempt === 1) await tx.query("do $$ begin raise exception using errcode = '40001'; end $$")
        await tx.query('select * from users')
      },
      { name: 'signUp' },
    ),
  )
  root.end()
  const finished = sdk.spans()
  const named = (name: string): (typeof finished)[number] => {
    const span = finished.find((one) => one.name === name)
    assert.ok(span, `${name}: ${finished.map((one) => one.name).join(', ')}`)
    return span
  }
  const idOf = (name: string): string => named(name).spanContext().spanId
  const parents = finished.map((span) => [span.name, span.parentSpanContext?.spanId])
  assert.deepEqual(Object.fromEntries(parents), {
    request: undefined,
    'transaction signUp': idOf('request'),
    'attempt 1': idOf('transaction signUp'),
    'attempt 2': idOf('transaction signUp'),
    DO: idOf('attempt 1'),
    'SELECT users': idOf('attempt 2'),
  })
  assert.equal(named('attempt 1').status.code, SpanStatusCode.ERROR)
  assert.equal(named('attempt 1').attributes['db.response.status_code'], '40001')
  assert.equal(named('DO').attributes['error.type'], '40001')
  assert.equal(named('transaction signUp').attributes['plinth.transaction.attempts'], 2)
  assert.equal(named('transaction signUp').status.code, SpanStatusCode.UNSET)
})

test('statements are measured in seconds, failures with their SQLSTATE', async () => {
  await db.query('select * from users')
  await db.query('select * from nowhere').catch(() => undefined)
  const measured = await points('db.client.operation.duration')
  const attributes = measured.map((point) => point.attributes)
  assert.ok(attributes.some((one) => 'db.query.summary' in one && one['db.query.summary'] === 'SELECT users'))
  assert.ok(attributes.some((one) => 'error.type' in one && one['error.type'] === '42P01'))
})

test('waiting for a connection is measured, and counted where it was in vain', async () => {
  const small = createDatabase({ url, service: 'small', pool: { max: 1, sharedLanes: 0, acquireTimeoutMs: 300 } })
  await small.connect()
  const slow = small.query('select pg_sleep(1)')
  await assert.rejects(small.query('select 1'), { code: 'PoolTimeout' })
  await slow
  await small.close()
  assert.ok((await points('db.client.connection.wait_time')).length > 0)
  const [timeouts] = await points('db.client.connection.timeouts')
  assert.equal(timeouts?.value, 1)
  assert.ok(sdk.spans().some(({ name }) => name === 'pool wait'))
  sdk.clear()
  await Promise.all([db.query('select pg_sleep(0.3)'), db.transaction((tx) => tx.query('select 1'))])
  const named = (name: string): ReturnType<typeof sdk.spans>[number] | undefined =>
    sdk.spans().find((span) => span.name === name)
  assert.equal(named('pool wait')?.parentSpanContext?.spanId, named('attempt 1')?.spanContext().spanId)
  assert.ok(named('pool wait'))
})

test('the pool is gauged by the semantic conventions: connections by state, their limit, who waits', async () => {
  const one = createDatabase({ url, service: 'gauged', pool: { max: 1, sharedLanes: 0, leakAfterMs: 60_000 } })
  const name = `gauged ${hostname}:${port}${pathname}`
  const read = async (metric: string): Promise<Record<string, unknown>> => {
    const all = (await points(metric)).map(({ attributes, value }) => ({
      of: new Map(Object.entries(attributes)),
      value,
    }))
    const ofPool = all.filter(({ of }) => of.get('db.client.connection.pool.name') === name)
    return Object.fromEntries(ofPool.map(({ of, value }) => [of.get('db.client.connection.state') ?? '', value]))
  }
  const session = await one.session()
  const waiting = one.transaction((tx) => tx.query('select 1'))
  assert.deepEqual(await read('db.client.connection.count'), { idle: 0, used: 1, opening: 0 })
  assert.deepEqual(await read('db.client.connection.max'), { '': 1 })
  assert.deepEqual(await read('db.client.connection.pending_requests'), { '': 1 })
  assert.ok(Number((await read('plinth.pool.oldest_wait'))['']) > 0)
  assert.deepEqual(await read('plinth.pool.leaks'), { '': 0 })
  await session[Symbol.asyncDispose]()
  await waiting
  sdk.clear()
  assert.deepEqual(await read('db.client.connection.count'), { idle: 1, used: 0, opening: 0 })
  assert.deepEqual(await read('db.client.connection.pending_requests'), { '': 0 })
  await one.close()
  sdk.clear()
  assert.deepEqual(await read('db.client.connection.count'), { idle: 0, used: 0, opening: 0 })
  assert.deepEqual(await read('db.client.connection.max'), { '': 0 })
})

test('only so many summaries get a series, and what comes later shares one', async () => {
  for (let i = 0; i < 10; i++) await db.query(`select * from t${i}`).catch(() => undefined)
  const summaries = (await points('db.client.operation.duration')).map(({ attributes }) =>
    'db.query.summary' in attributes ? attributes['db.query.summary'] : '',
  )
  assert.ok(new Set(summaries).size <= 6)
  assert.ok(summaries.includes('other'))
})

test('without spans of statements their metrics are kept, and so are the spans of transactions', async () => {
  const own = startOpenTelemetry()
  using _ = openTelemetryObservations({ tracer: own.tracer, meter: own.meter, statementSpans: false })
  await db.transaction((tx) => tx.query('select * from users'), { name: 'quiet' })
  const names = own.spans().map(({ name }) => name)
  assert.deepEqual(names, ['attempt 1', 'transaction quiet'])
  const measured = (await own.metrics()).flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
  assert.ok(measured.some(({ descriptor }) => descriptor.name === 'db.client.operation.duration'))
  await own.stop()
})
