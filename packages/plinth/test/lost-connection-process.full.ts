import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()

/** What is killed has nobody who waits for it: an error that nobody hears ends the process. */
const program = `
import { createDatabase } from 'plinth'
const url = process.env.URL_OF_TEST
const killer = createDatabase({ url, service: 'killer', pool: { max: 1, warm: 0 } })
const db = createDatabase({ url, service: 'victim', pool: { max: 4, sharedLanes: 1 } })
const pidOf = async (from) => (await from.query('select pg_backend_pid() as pid')).rows[0].pid
const kill = (pids) => killer.query('select pg_terminate_backend(pid, 5000) from unnest($1::int[]) as pid', [pids])

const idle = await db.transaction((tx) => pidOf(tx))
const shared = await pidOf(db)
await kill([idle, shared])
const session = await db.session()
await session.listen('c', () => undefined)
const tx = await db.begin()
await tx.query('select 1')
await kill([await pidOf(session), await pidOf(tx)])
await new Promise((resolve) => setTimeout(resolve, 200))
const codes = await Promise.all([tx.commit(), session.query('select 1')].map((one) => one.catch(({ code }) => code)))
await session[Symbol.asyncDispose]()
const again = await db.query('select 1')
await Promise.all([db.close(), killer.close()])
console.log(JSON.stringify([...codes, again.rowCount]))
`

test('connections that are killed while idle and while held end no process, and the next caller is served', async () => {
  const child = spawn(process.execPath, ['--conditions=plinth-dev', '--input-type=module', '--eval', program], {
    env: { ...process.env, URL_OF_TEST: url },
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: import.meta.dirname,
  })
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(said), ['ConnectionLost', 'ConnectionLost', 1])
})
