import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { pino } from 'pino'
import { createDatabase } from '../src/database/database.ts'
import { logObservations } from '../src/observe/log.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table users (id int primary key, name text not null)' })
const lines: Record<string, any>[] = []
const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
const db = createDatabase({ url, service: 'watched' })
after(() => db.close())
beforeEach(() => void (lines.length = 0))

/** The level, by pino's numbers, and the message of each line about `kind`. */
function logged(kind: string): unknown[] {
  const names: Record<number, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' }
  return lines.filter(({ observation }) => observation === kind).map(({ level }) => names[level])
}

test('each kind has its level, and its fields are those of the observation', async () => {
  using _ = logObservations(logger)
  await db.query('select * from users')
  await db.transaction(async (tx) => {
    tx.afterCommit(() => Promise.reject(new Error('mine')))
    await tx.query('select 1')
  })
  await db.transaction(() => Promise.reject(new Error('mine'))).catch(() => undefined)
  assert.deepEqual(logged('statement.end'), ['debug', 'debug'])
  assert.deepEqual(logged('transaction.begin'), ['trace', 'trace'])
  assert.deepEqual(logged('transaction.end'), ['debug', 'info'])
  assert.deepEqual(logged('hook.failed'), ['error'])
  assert.deepEqual(logged('connection.state'), ['info', 'info'])
  const [statement] = lines.filter(({ observation }) => observation === 'statement.end')
  assert.equal(statement?.['summary'], 'SELECT users')
  assert.equal(statement['database'].service, 'watched')
})

test('what is slow is a warning', async () => {
  using _ = logObservations(logger, { slowStatementMs: 20, slowTransactionMs: 20 })
  await db.query('select pg_sleep(0.05)')
  await db.transaction((tx) => tx.query('select pg_sleep(0.05)'))
  assert.deepEqual(logged('statement.end'), ['warn', 'warn'])
  assert.deepEqual(logged('transaction.end'), ['warn'])
})

test('a kind can have another level, or none', async () => {
  using _ = logObservations(logger, { levels: { 'statement.end': 'info', 'transaction.end': 'silent' } })
  await db.transaction((tx) => tx.query('select 1'))
  assert.deepEqual(logged('statement.end'), ['info'])
  assert.deepEqual(logged('transaction.end'), [])
})
