import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { table } from '../src/operation/table.ts'
import { testDatabase } from './support/database.ts'
import { pgRunner } from './support/pg-runner.ts'

const { url } = await testDatabase({
  script: 'create table account (id int generated always as identity primary key, email text unique, name text)',
})
const db = createDatabase({ url, pool: { max: 5 } })
// Watches from a connection of its own: on a shared lane of `db` it would stand behind the statement that waits.
const watcher = pgRunner(url)
after(() => db.close())
after(() => watcher.close())

const accounts = table<{ id: number; email: string; name: string }>('account')

/** Resolves when a statement waits for another transaction's row. */
async function someoneWaits(): Promise<void> {
  const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
  while ((await watcher.client.query(waiting)).rowCount === 0) await new Promise(setImmediate)
}

test('a row that another transaction commits between our look and our insert is found', async () => {
  await using other = await db.begin()
  const theirs = await other.run(accounts.insert({ email: 'a@x.org', name: 'theirs' }))
  const ours = db.run(accounts.getOrCreate({ email: 'a@x.org', name: 'ours' }, { on: ['email'] }))
  await someoneWaits()
  await other.commit()
  assert.deepEqual(await ours, theirs)
})

test('a row that another transaction takes back is made', async () => {
  await using other = await db.begin()
  await other.run(accounts.insert({ email: 'b@x.org', name: 'theirs' }))
  const ours = db.run(accounts.getOrCreate({ email: 'b@x.org', name: 'ours' }, { on: ['email'] }))
  await someoneWaits()
  await other.rollback()
  assert.equal((await ours).name, 'ours')
})

test('in a repeatable read transaction the loser is run again and finds the row', async () => {
  await using other = await db.begin()
  const theirs = await other.run(accounts.insert({ email: 'c@x.org', name: 'theirs' }))
  const attempts: number[] = []
  const ours = db.transaction(
    async (tx) => {
      attempts.push(tx.attempt)
      return tx.run(accounts.getOrCreate({ email: 'c@x.org', name: 'ours' }, { on: ['email'] }))
    },
    { isolation: 'repeatable read' },
  )
  await someoneWaits()
  await other.commit()
  assert.deepEqual(await ours, theirs)
  assert.deepEqual(attempts, [1, 2])
})

test('an insert of many equal rows by many callers leaves one row', async () => {
  const calls = Array.from({ length: 40 }, (_, i) =>
    db.transaction((tx) => tx.run(accounts.getOrCreate({ email: 'd@x.org', name: `${i}` }, { on: ['email'] }))),
  )
  assert.equal(new Set((await Promise.all(calls)).map(({ id, name }) => `${id} ${name}`)).size, 1)
  assert.equal(await db.run(accounts.count({ email: 'd@x.org' })), 1)
})
