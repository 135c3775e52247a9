import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { logObservations } from '../src/observe/log.ts'
import type { ObservationOf } from '../src/observe/observation.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url, name } = await testDatabase()
const activity = await watchActivity(url)
after(() => activity.close())

const seen: ObservationOf<'pool.oversized'>[] = []
const stop = onObservations({ 'pool.oversized': (one) => void seen.push(one) })
after(() => stop[Symbol.dispose]())
beforeEach(() => void (seen.length = 0))

async function connectWith(max: number): Promise<void> {
  await using db = createDatabase({ url, service: 'backend', pool: { max, warm: 0 } })
  await db.query('select 1')
}

const [limits] = await activity.query(
  `select current_setting('max_connections')::int as all,
     current_setting('superuser_reserved_connections')::int + current_setting('reserved_connections')::int as reserved`,
)
const open = Number(limits?.['all']) - Number(limits?.['reserved'])

test('a pool that may outgrow the server is told of once, with both numbers, and what to do', async () => {
  const warnings: string[] = []
  const silent = (): void => undefined
  const warn = (_: object, message: string): void => void warnings.push(message)
  using _ = logObservations({ trace: silent, debug: silent, info: silent, warn, error: silent })
  await connectWith(open + 1)
  assert.deepEqual(
    seen.map(({ max, limit, by }) => [max, limit, by]),
    [[open + 1, open, 'max_connections']],
  )
  assert.match(String(warnings), new RegExp(`^backend may open ${open + 1} connections .* lets in ${open}\\. Lower`))
})

test('a pool that fits is not told of', async () => {
  await connectWith(open)
  assert.deepEqual(seen, [])
})

test('the limit of the database counts where it is the smaller one', async () => {
  await activity.query(`alter database ${name} connection limit 7`)
  await connectWith(8)
  await activity.query(`alter database ${name} connection limit -1`)
  assert.deepEqual(
    seen.map(({ max, limit, by }) => [max, limit, by]),
    [[8, 7, 'the connection limit of the database']],
  )
})
