import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import type { DatabaseOptions } from '../../src/database/queryable.ts'
import { createDatabase, type Database, installSchema, onObservations } from '../../src/index.ts'
import { enqueue, startWorker, task } from '../../src/services.ts'
import { until } from './activity.ts'
import { startProxy } from './proxy.ts'

const users = pgTable('users', { id: integer().primaryKey(), name: text().notNull() })

/** What can go wrong around statements, each with `marker` as a value wherever one can be given. */
export async function driveIncidents(url: string, marker: string): Promise<void> {
  const open = (options: Partial<DatabaseOptions> = {}): Database =>
    createDatabase({ url, service: 'driven', ...options })
  await Promise.all([holding(open, marker), losing(open, url, marker), byOtherLibraries(open, marker)])
  await refusing(open, marker)
  await inTasks(open, marker)
}

type Open = (options?: Partial<DatabaseOptions>) => Database

const ignored = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined)

/** Connections held too long, waited for in vain, used where they should not be; a pool too large; a replica away. */
async function holding(open: Open, marker: string): Promise<void> {
  let isIdle = false
  using _ = onObservations({ 'transaction.idle': () => void (isIdle = true) })
  await using small = open({ pool: { max: 1, sharedLanes: 0, acquireTimeoutMs: 300, leakAfterMs: 50 } })
  await small.connect()
  await small.transaction(
    async (tx) => {
      await tx.query('select $1::text', [marker])
      await until(async () => isIdle)
    },
    { name: 'holds' },
  )
  const session = await small.session()
  await ignored(small.query('select $1::text', [marker]))
  await session[Symbol.asyncDispose]()
  await using lenient = open({ misuse: 'observe', pool: { max: 2, sharedLanes: 0 } })
  await lenient.transaction(() => lenient.query('select $1::text', [marker]))
  await using large = open({ pool: { max: 5000, warm: 0 } })
  await large.query('select 1')
}

/** COMMITs whose answer is lost, connections that end, a COMMIT that fails and one that warns. */
async function losing(open: Open, url: string, marker: string): Promise<void> {
  await using proxy = await startProxy(url)
  await using far = open({ url: proxy.url, pool: { max: 1 } })
  const write = 'insert into notes values ($1)'
  await far.transaction(async (tx) => {
    await tx.query(write, [marker])
    void proxy.loseCommit('answer')
  })
  // What would have sent a notification alone leaves no trace to ask for.
  const unknown = far.transaction(async (tx) => {
    await tx.query('select pg_notify($1, $1)', [marker])
    void proxy.loseCommit('request')
  })
  await ignored(unknown)
  await using db = open()
  await ignored(db.query('select pg_terminate_backend(pg_backend_pid()), $1::text', [marker]))
  await ignored(db.transaction((tx) => tx.query('insert into late values ($1)', [marker])))
  await db.transaction((tx) => tx.query('insert into warned values ($1)', [marker]))
}

/** pgPool(), tx.pg and an ORM, whose own message holds the parameters. */
async function byOtherLibraries(open: Open, marker: string): Promise<void> {
  await using db = open()
  const pool = db.pgPool()
  await ignored(pool.query('insert into users (id, name) values ($1, $2)', [marker, marker]))
  const client = await pool.connect()
  await client.query('begin')
  await client.query('insert into notes values ($1)', [marker])
  client.release()
  await ignored(drizzle({ client: pool }).insert(users).values({ id: 1, name: marker }).execute())
  await ignored(db.transaction((tx) => tx.pg.query('insert into users (id, name) values ($1, $2)', [marker, marker])))
}

/** A key that is used for something else, and conflicts until no more are run again. */
async function refusing(open: Open, marker: string): Promise<void> {
  await using db = open()
  await installSchema(db)
  const keyed = (request: string): Promise<unknown> =>
    db.transaction((tx) => tx.query('select $1::text', [marker]), {
      idempotencyKey: { key: marker, scope: 'drives', request },
    })
  await ignored(keyed(marker))
  await ignored(keyed(`${marker}, another`))
  const conflict = `do $$ begin raise sqlstate '40001' using message = '${marker}'; end $$`
  const again = (): Promise<unknown> =>
    ignored(db.transaction((tx) => tx.query(conflict), { retry: { attempts: 5, baseMs: 1, capMs: 2 } }))
  await Promise.all(Array.from({ length: 40 }, again))
}

/**
 * A task whose input, key and error hold what must not come out; the second attempt is its last. Then the worker itself
 * fails, for its table is away.
 */
async function inTasks(open: Open, marker: string): Promise<void> {
  await using db = open()
  await installSchema(db)
  const failing = (): Promise<void> => Promise.reject(new TypeError(marker))
  const one = task<string>('driven', failing, { retry: { attempts: 2, baseMs: 1 } })
  let isDead = false
  let hasFailed = false
  using _ = onObservations({
    'task.dead': () => void (isDead = true),
    'worker.failed': () => void (hasFailed = true),
  })
  await using worker = await startWorker(db, [one])
  await db.transaction((tx) => enqueue(tx, one, marker, { key: marker }))
  await until(async () => isDead)
  await db.query('alter table plinth.task rename to hidden')
  await db.query(`select pg_notify('plinth_task', '')`)
  await until(async () => hasFailed)
  await db.query('alter table plinth.hidden rename to task')
  await worker.close()
}
