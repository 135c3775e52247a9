import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()
const db = createDatabase({ url, pool: { max: 2, sharedLanes: 1 } })
after(() => db.close())

// V8 holds no text beyond 512 MiB; pg's parser throws at one, in the event of the socket.
test('a text that JavaScript cannot hold costs its connection and not the process', async () => {
  await assert.rejects(db.query("select repeat('x', 540000000)"), { code: 'ConnectionLost' })
  assert.equal((await db.query('select 1')).rowCount, 1)
})
