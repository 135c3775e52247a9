import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()

/** Nobody listens to `error` here: an event that is emitted all the same ends the process. */
const program = `
import { createDatabase } from 'plinth'
const { url, held } = JSON.parse(process.env.TOLD)
const db = createDatabase({ url, pool: { max: 3, sharedLanes: 0 } })
const pool = db.pgPool()
const [victim, killer] = await Promise.all([pool.connect(), pool.connect()])
const { rows } = await victim.query('select pg_backend_pid() as pid')
if (held) await victim.query('begin')
else victim.release()
await killer.query('select pg_terminate_backend($1, 5000)', [rows[0].pid])
await new Promise((resolve) => setTimeout(resolve, 50))
if (held) victim.release()
killer.release()
await pool.query('select 1')
await pool.end()
await db.close()
`

async function exitCode(told: object): Promise<unknown> {
  const child = spawn(process.execPath, ['--conditions=plinth-dev', '--input-type=module', '--eval', program], {
    env: { ...process.env, TOLD: JSON.stringify({ url, ...told }) },
    stdio: ['ignore', 'inherit', 'inherit'],
    cwd: import.meta.dirname,
  })
  const [code]: unknown[] = await once(child, 'exit')
  return code
}

test('a backend that is killed while its client is out, in a transaction, does not end the process', async () => {
  assert.equal(await exitCode({ held: true }), 0)
})

test('a backend that is killed while its client is idle does not end the process', async () => {
  assert.equal(await exitCode({ held: false }), 0)
})
