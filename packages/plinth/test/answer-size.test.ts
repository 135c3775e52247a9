import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()
const db = createDatabase({ url, pool: { max: 2, sharedLanes: 1 } })
after(() => db.close())

const rows = 'select i, repeat($1, 1000) as pad from generate_series(1, 1000) as i'

test('an answer past its limit fails alone, and what shares its lane is answered', async () => {
  const [tooLarge, ...others] = await Promise.allSettled([
    db.query(rows, ['x'], { maxAnswerBytes: 500_000 }),
    db.query('select 1 as n'),
    db.query(rows, ['x'], { maxAnswerBytes: 2_000_000 }),
  ])
  assert.ok(tooLarge.status === 'rejected')
  assert.match(String(tooLarge.reason), /^AnswerTooLargeError: .*larger than 500000 bytes\.$/)
  assert.deepEqual(
    others.map((other) => other.status === 'fulfilled' && other.value.rows.length),
    [1, 1000],
  )
})

test('the limit holds in a transaction and in a session too', async () => {
  const options = { maxAnswerBytes: 1000 }
  await assert.rejects(
    db.transaction((tx) => tx.query(rows, ['x'], options)),
    { code: 'AnswerTooLarge' },
  )
  await using session = await db.session()
  await assert.rejects(session.query(rows, ['x'], options), { code: 'AnswerTooLarge' })
  assert.equal((await session.query('select 1')).rowCount, 1)
})
