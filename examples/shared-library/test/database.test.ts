import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getDatabase } from '../database/src/database.ts'

test('a process has one handle, and asking for it by another name is an error', async () => {
  process.env['DATABASE_URL'] = 'postgres://localhost:9/nowhere'
  await using db = getDatabase('backend')
  assert.equal(getDatabase('backend'), db)
  assert.throws(() => getDatabase('server'), { name: 'TypeError', message: /"backend".*"server"/ })
})
