import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOptions } from '../src/database/options.ts'
import { Pool } from '../src/driver/pool.ts'
import { PlinthError } from '../src/errors.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()

test('a connection on its way to a server that is left meanwhile is given to nobody', async () => {
  const { limits, open, connection } = readOptions({ url })
  const mayOpen = Promise.withResolvers<void>()
  let opened = 0
  const pool = new Pool({
    limits,
    identity: connection.identity,
    open: async () => {
      const one = await open()
      opened++
      await mayOpen.promise
      return one
    },
    whyAway: () => undefined,
    enclosing: () => new Set(),
  })
  const waiting = pool.acquire({ name: 'test' })
  while (opened === 0) await new Promise(setImmediate)
  pool.leave(() => true)
  mayOpen.resolve()
  pool.release(await waiting)
  assert.equal(opened, 2)
  await pool.close(new PlinthError('DatabaseClosed', 'The test is over.'), 1000)
})
