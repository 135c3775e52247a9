import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { onObservations } from '../../src/observe/subscribe.ts'
import { errorOf } from '../support/activity.ts'
import { chain, hasCode } from './errors.ts'
import type { Scene } from './scene.ts'

/**
 * What every library keeps on `db.pgPool()` while connections, servers and callers fail. `adapter`: the file that opens
 * it, for a process of its own.
 */
export function acceptUnderFaults({ name, orm, proxy, activity, url, saved }: Scene, adapter: string): void {
  const warm = (): Promise<unknown> => Promise.all([1, 2, 3].map(() => orm.run('select pg_sleep(0.1)')))

  test(`${name}: the loser of a deadlock gets 40P01 and saves nothing, the winner is saved, and both go on`, async () => {
    const both = Promise.withResolvers<void>()
    let inside = 0
    const crossing = (own: number, other: number): Promise<unknown> =>
      orm.transaction(async (tx) => {
        await tx.run(`insert into item values (${own})`)
        if (++inside === 2) both.resolve()
        await both.promise
        await tx.run(`insert into item values (${other})`)
      })
    const results = await Promise.allSettled([crossing(1, 2), crossing(2, 1)])
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    assert.equal(failed.length, 1)
    assert.ok(chain(failed[0]).some(hasCode('40P01')), String(failed[0]))
    assert.deepEqual(await saved(), [1, 2])
    await Promise.all([orm.insert(3), orm.insert(4)])
    assert.deepEqual(await saved(), [1, 2, 3, 4])
  })

  test(`${name}: a BEGIN without an end is rolled back and told, and the next caller is in no transaction`, async () => {
    let forgotten = 0
    using _ = onObservations({ 'transaction.forgotten': () => void forgotten++ })
    await orm.run('begin')
    await Promise.all([1, 2, 3].map((id) => orm.insert(id)))
    assert.equal(forgotten, 1)
    assert.deepEqual(await saved(), [1, 2, 3])
  })

  test(`${name}: BEGIN into a black hole is given up after 2 s, and the transaction runs on another connection`, async () => {
    await warm()
    proxy.become('blackhole')
    const begun = performance.now()
    let lostAfterMs = 0
    using _ = onObservations({
      'connection.lost': () => {
        lostAfterMs ||= performance.now() - begun
        proxy.become('forward')
      },
    })
    await orm.transaction((tx) => tx.insert(1))
    assert.ok(lostAfterMs >= 1900 && lostAfterMs < 8000, `${lostAfterMs} ms`)
    assert.deepEqual(await saved(), [1])
  })

  test(`${name}: a server that takes no writes any more is left after the first 25006`, async () => {
    const readOnly = (is: 'on' | 'off'): Promise<unknown> =>
      activity.query(`alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = ${is}`)
    await readOnly('on')
    // What is opened now refuses writes for as long as it lives, as the connections to a demoted primary do.
    await activity.query(others)
    await warm()
    await readOnly('off')
    const error = await errorOf(orm.transaction((tx) => tx.insert(1)))
    assert.ok(chain(error).some(hasCode('25006')), String(error))
    await orm.transaction((tx) => tx.insert(2))
    await Promise.all([orm.insert(3), orm.insert(4)])
    assert.deepEqual(await saved(), [2, 3, 4])
  })

  test(`${name}: connections killed while idle and in use, and closing with a client out, end the process with 0`, async () => {
    const child = spawn(process.execPath, ['--conditions=plinth-dev', '--input-type=module', '--eval', program], {
      env: { ...process.env, TOLD: JSON.stringify({ url, adapter }) },
      stdio: ['ignore', 'inherit', 'inherit'],
      cwd: import.meta.dirname,
    })
    const late = setTimeout(() => child.kill('SIGKILL'), 60_000)
    const [code, signal]: unknown[] = await once(child, 'exit')
    clearTimeout(late)
    assert.deepEqual([code, signal], [0, null])
    assert.deepEqual(await saved(), [1, 2, 4])
  })
}

const others = `select pg_terminate_backend(pid, 5000) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`

/** Nobody listens to `error` here: an event that is emitted all the same ends the process. */
const program = `
import { createDatabase } from 'plinth'
import pg from 'pg'
const { url, adapter } = JSON.parse(process.env.TOLD)
const { open } = await import(adapter)
const db = createDatabase({ url, service: 'orm program', pool: { max: 3, sharedLanes: 0 } })
const killer = new pg.Client({ connectionString: url })
await killer.connect()
const kill = () => killer.query(\`select pg_terminate_backend(pid, 5000) from pg_stat_activity
  where datname = current_database() and application_name = 'orm program'\`)
const orm = await open(db.pgPool())
await orm.insert(1)
await kill()
await orm.insert(2)
const lost = orm.transaction(async (tx) => {
  await tx.insert(3)
  await kill()
  await tx.insert(3)
})
if ((await lost.catch(() => 'lost')) !== 'lost') process.exit(2)
await orm.insert(4)
const out = Promise.withResolvers()
orm.transaction(async (tx) => {
  await tx.insert(5)
  out.resolve()
  await new Promise(() => undefined)
}).catch(() => undefined)
await out.promise
await killer.end()
await Promise.all([orm.close(), db.close({ deadlineMs: 500 })])
`
