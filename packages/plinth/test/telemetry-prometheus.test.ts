import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Registry } from 'prom-client'
import { createDatabase } from '../src/database/database.ts'
import { prometheusObservations } from '../src/prometheus.ts'
import { until } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table users (id int primary key, name text not null)' })
const registry = new Registry()
const stop = prometheusObservations(registry, { maxNames: 3 })
const db = createDatabase({ url, service: 'watched', pool: { max: 1 } })
after(() => db.close())

async function has(line: string): Promise<void> {
  const text = await registry.metrics()
  assert.ok(text.split('\n').includes(line), `${line}\nis not in\n${text}`)
}

test('statements are counted and timed by summary and result', async () => {
  await db.query('select * from users')
  await db.query('select * from nowhere').catch(() => undefined)
  await has('plinth_statement_duration_seconds_count{service="watched",summary="SELECT users",result="ok"} 1')
  await has('plinth_statement_duration_seconds_count{service="watched",summary="SELECT nowhere",result="error"} 1')
  await has('plinth_statement_errors_total{service="watched",code="42P01"} 1')
})

test('transactions are timed by name and outcome, and their retries counted', async () => {
  await db.transaction(
    async (tx) => {
      await has('plinth_transactions_running{service="watched"} 1')
      if (tx.attempt === 1) await tx.query("do $$ begin raise exception using errcode = '40001'; end $$")
    },
    { name: 'signUp' },
  )
  await has('plinth_transactions_running{service="watched"} 0')
  await has('plinth_transaction_duration_seconds_count{service="watched",name="signUp",outcome="committed"} 1')
  await has('plinth_retries_total{service="watched",what="transaction",code="40001"} 1')
})

test('the state of the connection is the one that is 1', async () => {
  await has('plinth_connection_state{service="watched",state="connected"} 1')
  await has('plinth_connection_state{service="watched",state="connecting"} 0')
})

test('waits for a connection and failing hooks are counted', async () => {
  await Promise.all([db.query('select pg_sleep(0.05)'), db.query('select pg_sleep(0.05)')])
  await db.transaction(async (tx) => {
    tx.afterCommit(() => Promise.reject(new Error('mine')))
    await tx.query('select 1')
  })
  assert.match(await registry.metrics(), /plinth_pool_wait_seconds_count\{service="watched",result="served"\} [1-9]/)
  await has('plinth_incidents_total{service="watched",kind="hook.failed"} 1')
})

test('the pool is read when it is scraped: connections by state, waiters, leaks', async () => {
  await using held = createDatabase({ url, service: 'held', pool: { max: 1, sharedLanes: 0, leakAfterMs: 20 } })
  await has('plinth_pool_connections_max{service="held"} 1')
  await has('plinth_pool_connections{service="held",state="busy"} 0')
  const release = Promise.withResolvers<void>()
  const holding = Promise.withResolvers<void>()
  const first = held.transaction(async (tx) => {
    await tx.query('select 1')
    holding.resolve()
    await release.promise
  })
  await holding.promise
  const second = held.transaction((tx) => tx.query('select 1'))
  await until(async () => (await registry.metrics()).includes('plinth_pool_leaks{service="held"} 1'))
  await has('plinth_pool_connections{service="held",state="busy"} 1')
  await has('plinth_pool_connections{service="held",state="idle"} 0')
  await has('plinth_pool_connections{service="held",state="opening"} 0')
  await has('plinth_pool_waiting{service="held"} 1')
  const [, waited] = /plinth_pool_oldest_wait_seconds\{service="held"\} (\S+)/.exec(await registry.metrics()) ?? []
  assert.ok(Number(waited) > 0.01 && Number(waited) < 60, waited)
  release.resolve()
  await Promise.all([first, second])
  await has('plinth_pool_waiting{service="held"} 0')
  await has('plinth_pool_oldest_wait_seconds{service="held"} 0')
  await has('plinth_pool_connections{service="held",state="idle"} 1')
})

test('handles of one service are one series, which ends with the last of them', async () => {
  const [one, other] = [2, 3].map((max) => createDatabase({ url, service: 'both', pool: { max } }))
  await has('plinth_pool_connections_max{service="both"} 5')
  await one?.close()
  await has('plinth_pool_connections_max{service="both"} 3')
  await other?.close()
  assert.doesNotMatch(await registry.metrics(), /pool_[a-z_]*\{service="both"/)
})

test('only so many summaries get a series, and what comes later shares one', async () => {
  for (let i = 0; i < 20; i++) await db.query(`select * from t${i}`).catch(() => undefined)
  const text = await registry.metrics()
  const summaries = new Set([...text.matchAll(/summary="([^"]*)"/g)].map(([, summary]) => summary))
  assert.equal(summaries.size, 4)
  assert.ok(summaries.has('other'))
})

test('after its end a subscription counts nothing and has left the registry', async () => {
  stop()
  await db.query('select * from users')
  assert.equal((await registry.metrics()).trim(), '')
})

test('names begin with the prefix, and the buckets are those that were asked for', async () => {
  const own = new Registry()
  using _ = prometheusObservations(own, { prefix: 'mine_', buckets: [0.5, 60] })
  await db.query('select * from users')
  const text = await own.metrics()
  const bounds = [...text.matchAll(/^mine_statement_duration_seconds_bucket\{le="([^"]+)"/gm)].map(([, le]) => le)
  assert.deepEqual(bounds, ['0.5', '60', '+Inf'])
  assert.ok(!text.includes('plinth_'))
})
