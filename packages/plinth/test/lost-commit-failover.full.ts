import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDatabase, type Database, installSchema, isPlinthError } from '../src/index.ts'
import { startServerProcess } from '../src/testing/server-process.ts'
import { errorOf, until } from './support/activity.ts'
import { ask, temporaryFolder } from './support/embedded.ts'
import { startProxy } from './support/proxy.ts'

const folder = temporaryFolder()
// A write of its own would take the ids that are to be given out again.
const settings = { autovacuum: 'off' }

interface Failover {
  /** Whether the standby got the transaction before the primary died. */
  readonly isReplicated: boolean
  readonly idempotencyKey?: string
}

interface Seen {
  runs: number
  hooks: number
}

/** The next transaction ids, until `xid` has been given out again and committed. */
async function reissue(url: string, xid: string): Promise<void> {
  await using db = createDatabase({ url, pool: { max: 1 } })
  for (let i = 0; i < 200; i++) {
    const { x } = await db.one<{ x: string }>('insert into other values (1) returning pg_current_xact_id()::text as x')
    if (BigInt(x) >= BigInt(xid)) return
  }
  assert.fail(`${xid} was not given out again`)
}

/** Commits on a primary that dies before its answer arrives; `end` sees the new primary, what ran. */
async function failOver(
  name: string,
  { isReplicated, idempotencyKey }: Failover,
  end: (lost: Promise<unknown>, db: Database, seen: Seen) => Promise<void>,
): Promise<void> {
  await using primary = await startServerProcess({ dataDir: join(folder, `${name} primary`), settings })
  await ask(primary.url, 'create table t (id int)', 'create table other (id int)')
  await using proxy = await startProxy(primary.url)
  await using db = createDatabase({ url: proxy.url, pool: { max: 1, sharedLanes: 0 } })
  await installSchema(db)
  await using standby = await primary.standby(join(folder, `${name} standby`))
  const has = async (query: string): Promise<boolean> => (await ask(standby.url, query)).length > 0
  await until(() => has('select from pg_stat_wal_receiver'))
  if (!isReplicated) {
    await ask(standby.url, `alter system set primary_conninfo = ''`, 'select pg_reload_conf()')
    await until(async () => !(await has('select from pg_stat_wal_receiver')))
  }
  const seen: Seen = { runs: 0, hooks: 0 }
  let xid = ''
  let loss: Promise<void> | undefined
  const lost = db.transaction(
    async (tx) => {
      const { x } = await tx.one<{ x: string }>('insert into t values (1) returning pg_current_xact_id()::text as x')
      tx.afterCommit(() => void seen.hooks++)
      if (++seen.runs > 1) return
      xid = x
      loss = proxy.loseCommit('answer', { silent: true })
    },
    { timeoutMs: 60_000, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) },
  )
  lost.catch(() => undefined)
  await until(async () => loss !== undefined)
  await loss
  assert.equal((await ask(primary.url, 'select from t')).length, 1, 'the primary had saved it')
  if (isReplicated) await until(() => has('select from t'))
  await primary.stop('kill')
  await standby.promote()
  if (!isReplicated) await reissue(standby.url, xid)
  assert.deepEqual(await ask(standby.url, `select pg_xact_status('${xid}'::xid8) as s`), [{ s: 'committed' }])
  proxy.pointAt(standby.url)
  proxy.cut()
  await end(lost, db, seen)
}

const rows = async (db: Database): Promise<number> => (await db.query('select from t')).rowCount

test('an id that the promoted standby gave to another transaction does not prove a commit', async () => {
  await failOver('reissued', { isReplicated: false }, async (lost, db, seen) => {
    const error = await errorOf(lost)
    assert.ok(isPlinthError(error, 'CommitUnknown'))
    assert.match(error.message, /its transaction id may have been given to another/)
    assert.deepEqual([seen, await rows(db)], [{ runs: 1, hooks: 0 }, 0])
  })
})

test('under an idempotency key a transaction that the failover lost is run again', async () => {
  await failOver('run again', { isReplicated: false, idempotencyKey: 'a' }, async (lost, db, seen) => {
    await lost
    assert.deepEqual([seen, await rows(db)], [{ runs: 2, hooks: 1 }, 1])
  })
})

test('under an idempotency key a transaction that the failover kept is a success', async () => {
  await failOver('kept', { isReplicated: true, idempotencyKey: 'a' }, async (lost, db, seen) => {
    await lost
    assert.deepEqual([seen, await rows(db)], [{ runs: 1, hooks: 1 }, 1])
  })
})
