import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase } from '../src/database/database.ts'
import { isPlinthError } from '../src/errors.ts'
import type { Database } from '../src/index.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()
const activity = await watchActivity(url)
after(() => activity.close())

/** What opens connections, in each way there is; whether it is served or refused is all the same. */
const works: readonly ((db: Database) => Promise<unknown>)[] = [
  (db) => db.connect(),
  (db) => db.query('select 1'),
  (db) => Promise.all(Array.from({ length: 8 }, () => db.query('select pg_sleep(0.002)'))),
  (db) => Promise.all(Array.from({ length: 8 }, () => db.transaction((tx) => tx.query('select 1')))),
  (db) => db.health(),
  (db) => db.session().then((session) => session[Symbol.asyncDispose]()),
  (db) => db.transaction((tx) => tx.query('select 1').then(() => db.independent((own) => own.query('select 1')))),
]

async function openAndClose(service: string, round: number): Promise<void> {
  const idleTimeoutMs = round % 3 === 0 ? 2 : 60_000
  const db = createDatabase({ url, service, pool: { max: 6, warm: 3, idleTimeoutMs } })
  const settled = Promise.allSettled(works.filter((_, at) => (round >> at) % 2 === 1).map((work) => work(db)))
  await sleep((round * 7) % 40)
  await db.close()
  const left = await activity.query(
    `select pid, state, backend_start::text, left(query, 60) as query from pg_stat_activity where application_name = $1`,
    [service],
  )
  assert.deepEqual(left, [], `round ${round}: a closed database has connections`)
  for (const one of await settled)
    if (one.status === 'rejected') assert.ok(isPlinthError(one.reason), String(one.reason))
}

test('a database that is closed while it opens connections leaves none behind', async () => {
  const rounds = Array.from({ length: 256 }, (_, round) => round)
  const lines = Array.from({ length: 4 }, async () => {
    for (let round = rounds.pop(); round !== undefined; round = rounds.pop())
      await openAndClose(`close-race-${round}`, round)
  })
  await Promise.all(lines)
})
