import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { Connection } from '../src/driver/connection.ts'
import { LogPosition } from '../src/database/log-position.ts'
import { readOptions } from '../src/database/options.ts'
import { runOutsideScopes as runOutside } from '../src/database/context.ts'
import { type Database, type DatabaseOptions, onObservations, type ReadTransaction } from '../src/index.ts'
import { startServerProcess } from '../src/testing/server-process.ts'
import { errorOf, until } from './support/activity.ts'
import { fastSettings } from './support/database.ts'
import { ask, temporaryFolder } from './support/embedded.ts'
import { startProxy } from './support/proxy.ts'

const folder = temporaryFolder()
const primary = await startServerProcess({ dataDir: join(folder, 'primary'), settings: fastSettings })
await ask(primary.url, 'create table t (id int)')
const standby = await primary.standby(join(folder, 'standby'))
after(async () => {
  await standby.stop()
  await primary.stop()
})

/** A handle whose replica is connected, and has replayed what there is. */
async function open(options: Partial<DatabaseOptions> = {}): Promise<Database> {
  const db = createDatabase({ url: primary.url, replicas: [standby.url], ...options })
  await db.connect()
  await until(async () => (await port(db)) === standby.port)
  return db
}

const portOf = async (tx: ReadTransaction): Promise<unknown> => (await tx.one('select inet_server_port() as p'))['p']
const port = (db: Database): Promise<unknown> => db.read(portOf)
const pause = (): Promise<unknown> => ask(standby.url, 'select pg_wal_replay_pause()')
const resume = (): Promise<unknown> => ask(standby.url, 'select pg_wal_replay_resume()')

/** What is replayed meanwhile waits for no read. */
async function impatiently(work: () => Promise<void>): Promise<void> {
  const set = (delay: string): Promise<unknown> =>
    ask(standby.url, `alter system set max_standby_streaming_delay = ${delay}`, 'select pg_reload_conf()')
  await set('0')
  try {
    await work()
  } finally {
    await set('default')
  }
}

/** Whether the row is seen, and by whom. */
async function look(db: Database, id: number): Promise<readonly [boolean, unknown]> {
  return db.read(async (tx) => [(await tx.query('select from t where id = $1', [id])).rowCount === 1, await portOf(tx)])
}

test('reads go to the replica, everything else and serializable reads to the primary', async () => {
  await using db = await open()
  assert.equal(await port(db), standby.port)
  assert.equal(await db.transaction(portOf), primary.port)
  assert.equal((await db.one('select inet_server_port() as p'))['p'], primary.port)
  assert.equal(await db.read(portOf, { isolation: 'serializable', retry: { attempts: 1 } }), primary.port)
  assert.equal(await db.read(portOf, { isolation: 'repeatable read' }), standby.port)
})

type Write = (db: Database, id: number) => Promise<unknown>
const insert = 'insert into t values ($1)'
const writes: Readonly<Record<string, Write>> = {
  transaction: (db, id) => db.transaction((tx) => tx.query(insert, [id])),
  begin: async (db, id) => {
    await using tx = await db.begin()
    await tx.query(insert, [id])
    await tx.commit()
  },
  query: (db, id) => db.query(insert, [id]),
  independent: (db, id) => db.independent((tx) => tx.query(insert, [id])),
  session: async (db, id) => {
    await using session = await db.session()
    await session.query(insert, [id])
  },
  script: async (db, id) => {
    await using session = await db.session()
    await session.script(`insert into t values (${id})`)
  },
  pgPool: (db, id) => db.pgPool().query(insert, [id]),
  'pgPool transaction': async (db, id) => {
    const client = await db.pgPool().connect()
    await client.query('begin')
    await client.query(insert, [id])
    await client.query('commit')
    client.release()
  },
}

for (const [at, [name, write]] of Object.entries(writes).entries()) {
  test(`a read after a write by ${name} sees it: on the primary until the replica has replayed it`, async () => {
    await using db = await open()
    await pause()
    await write(db, at)
    assert.deepEqual(await look(db, at), [true, primary.port])
    assert.deepEqual(await look(db, at), [true, primary.port])
    await resume()
    await until(async () => (await port(db)) === standby.port)
    assert.deepEqual(await look(db, at), [true, standby.port])
  })
}

test('the questions for positions cost no round trip', async () => {
  await using near = await startProxy(primary.url)
  await using far = await startProxy(standby.url)
  await using db = await open({ url: near.url, replicas: [far.url] })
  await db.query(insert, [200])
  await until(async () => (await port(db)) === standby.port)
  // What is sent in one turn is there before any answer to it.
  for (const proxy of [near, far]) proxy.shape({ delayMs: 50 })
  const trips = async (work: () => Promise<unknown>): Promise<readonly number[]> => {
    for (const proxy of [near, far]) proxy.mark()
    await work()
    return [near.roundTrips, far.roundTrips]
  }
  assert.deepEqual(await trips(() => port(db)), [0, 2])
  assert.deepEqual(await trips(() => db.transaction((tx) => tx.query(insert, [201]))), [2, 0])
  assert.deepEqual(await trips(() => db.query(insert, [202])), [1, 0])
})

test('a first statement that fails on a replica behind is judged by the primary', async () => {
  await using db = await open()
  await pause()
  await db.transaction((tx) => tx.query('create table later (id int)'))
  assert.equal((await db.read((tx) => tx.query('select from later'))).rowCount, 0)
  const attempts = await db.read(async (tx) => {
    await Promise.all([tx.query('select from later'), tx.query('select from later')])
    return tx.attempt
  })
  assert.equal(attempts, 1)
  await resume()
})

test('who did not write reads from the replica although others write', async () => {
  await using db = await open()
  await using other = await open()
  await pause()
  await other.query(insert, [100])
  assert.deepEqual(await look(db, 100), [false, standby.port])
  assert.deepEqual(await look(other, 100), [true, primary.port])
  await resume()
})

test('a write inside db.read is refused on the replica too', async () => {
  await using db = await open()
  const error = await errorOf(db.read((tx) => tx.query('insert into t values (1)')))
  assert.equal(error.code, 'WriteInReadTransaction')
})

test('a read that recovery cancels is run again, and its last attempt is on the primary', () =>
  impatiently(async () => {
    await using db = await open()
    const served: unknown[] = []
    const attempt = await db.read(
      async (tx) => {
        served.push(await portOf(tx))
        if (served.at(-1) === standby.port) {
          const asleep = tx.query('select pg_sleep(30) from t limit 1')
          // Replayed against the lock of the read, which max_standby_streaming_delay lets wait for nothing.
          await ask(primary.url, 'begin; lock table t in access exclusive mode; commit')
          await asleep
        }
        return tx.attempt
      },
      { retry: { attempts: 3 } },
    )
    assert.deepEqual(served, [standby.port, standby.port, primary.port])
    assert.equal(attempt, 3)
  }))

test('a read that recovery cancels while it is idle loses its connection, and is run again', () =>
  impatiently(async () => {
    await using db = await open()
    const attempt = await db.read(async (tx) => {
      await tx.query('select from t')
      if (tx.attempt > 1) return tx.attempt
      await ask(primary.url, 'begin; lock table t in access exclusive mode; commit')
      await until(async () => {
        await tx.query('select from t')
        return false
      })
      return 0
    })
    assert.ok(attempt > 1)
  }))

test('a replica that is away is passed over at once, told by health, and used again when it is back', async () => {
  await using db = await open()
  await standby.stop()
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => port(db))), [primary.port, primary.port, primary.port])
  await until(async () => (await db.health()).replicas?.[0]?.state === 'error')
  const away = await db.health()
  assert.deepEqual([away.status, away.state], ['up', 'connected'])
  assert.deepEqual(away.checks.at(-1), { name: 'replicas', status: 'warn' })
  assert.equal(away.replicas?.[0]?.error?.code, 'ConnectionFailed')
  assert.ok((away.replicas?.[0]?.outage?.attempts ?? 0) >= 1)
  await standby.start()
  await until(async () => (await port(db)) === standby.port)
  await until(async () => (await db.health()).replicas?.[0]?.pool.total === 2)
  const back = await db.health()
  assert.deepEqual(
    back.replicas?.map(({ address, state }) => [address, state]),
    [[`127.0.0.1:${standby.port}`, 'connected']],
  )
})

test('a replica that is killed under load fails no read, and none sees less than was written before it', async () => {
  await using db = await open({ pool: { max: 5 } })
  await db.query('create table counted (n int)')
  let isOver = false
  let written = 0
  const count = async (): Promise<void> => {
    const before = written
    const { n } = await db.read((tx) => tx.one<{ n: number }>('select coalesce(max(n), 0) as n from counted'))
    assert.ok(n >= before, `${n} is less than ${before}`)
  }
  const reader = async (): Promise<void> => {
    while (!isOver) await count()
  }
  const writer = async (): Promise<void> => {
    for (let n = 1; !isOver; n++) {
      await db.query('insert into counted values ($1)', [n])
      written = n
    }
  }
  const all = Promise.allSettled([writer(), ...Array.from({ length: 10 }, reader)])
  await standby.restart('kill')
  await until(async () => (await db.health()).replicas?.[0]?.state === 'connected')
  isOver = true
  assert.deepEqual(
    (await all).map(({ status }) => status),
    Array.from({ length: 11 }, () => 'fulfilled'),
  )
  assert.ok(written > 1)
  // While the writer runs, a replica may be behind it at every look.
  await until(async () => (await port(db)) === standby.port)
})

test('health tells how far a replica is behind', async () => {
  await using db = await open()
  await pause()
  await db.query('insert into t select 1 from generate_series(1, 1000)')
  await until(async () => ((await db.health()).replicas?.[0]?.lagBytes ?? 0) > 10_000)
  await resume()
  await until(async () => (await port(db)) === standby.port)
})

test('a replica that answers nothing costs a read its 2 s and no error', async () => {
  await using proxy = await startProxy(standby.url)
  await using db = await open({ replicas: [proxy.url], connectTimeoutMs: 500 })
  proxy.become('blackhole')
  assert.equal(await port(db), primary.port)
  await until(async () => (await db.health()).replicas?.[0]?.state === 'error')
  proxy.become('forward')
  proxy.cut()
  await until(async () => (await port(db)) === standby.port)
})

test('a replica that cannot be connected to when a read wants to costs it no error', async () => {
  await using proxy = await startProxy(standby.url)
  await using db = await open({ replicas: [proxy.url], pool: { warm: 0, idleTimeoutMs: 1 } })
  await until(async () => (await db.health()).replicas?.[0]?.pool.total === 0)
  proxy.become('refuse')
  assert.equal((await db.health()).replicas?.[0]?.state, 'connected')
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => port(db))), [primary.port, primary.port, primary.port])
  proxy.become('forward')
  await until(async () => (await port(db)) === standby.port)
})

test('a server that is not a standby is no replica, and connecting waits for none', async () => {
  await using proxy = await startProxy(primary.url)
  await using db = createDatabase({ url: primary.url, replicas: [proxy.url] })
  await db.connect()
  assert.equal(await port(db), primary.port)
  await until(async () => (await db.health()).replicas?.[0]?.state === 'error')
  assert.match((await db.health()).replicas?.[0]?.error?.message ?? '', /is not a standby/)
  proxy.pointAt(standby.url)
  await until(async () => (await port(db)) === standby.port)
})

test('a read waits for a connection of a replica that is fit, so that the primary is spared', async () => {
  await using db = await open({ pool: { max: 1, acquireTimeoutMs: 300 } })
  await db.read(async (tx) => {
    assert.equal(await portOf(tx), standby.port)
    const error = await errorOf(runOutside(() => port(db)))
    assert.equal(error.code, 'PoolTimeout')
  })
  assert.equal(await port(db), standby.port)
})

test('what becomes of a replica is observed, apart from the state of the database', async () => {
  const seen: string[] = []
  using _stop = onObservations({
    'replica.state': ({ database, to }) => void seen.push(`${database.port} ${to}`),
    'connection.state': ({ database, to }) => void seen.push(`${database.port} ${to}`),
  })
  const db = await open()
  await db.close()
  const of = ({ port: at }: { readonly port: number }): string[] => seen.filter((one) => one.startsWith(`${at} `))
  const states = ['connecting', 'connected', 'draining', 'closed']
  for (const server of [primary, standby])
    assert.deepEqual(
      of(server),
      states.map((state) => `${server.port} ${state}`),
    )
})

test('two replicas are used in turn', async () => {
  await using proxy = await startProxy(standby.url)
  await using db = await open({ replicas: [standby.url, proxy.url], pool: { warm: 0 } })
  await until(async () => (await db.health()).replicas?.every(({ state }) => state === 'connected'))
  for (let i = 0; i < 10; i++) await port(db)
  const used = (await db.health()).replicas?.map(({ pool }) => pool.total)
  assert.deepEqual(used, [1, 1])
})

test('closing leaves no connection on primary or replica, a read that runs may end', async () => {
  const db = await open({ service: 'closing' })
  await db.health()
  const reading = db.read(async (tx) => {
    const served = await portOf(tx)
    await tx.query('select pg_sleep(0.5)')
    return served
  })
  await until(async () => (await db.health()).replicas?.[0]?.pool.busy === 1)
  await db.close()
  assert.equal(await reading, standby.port)
  const left = `select from pg_stat_activity where application_name = 'closing'`
  for (const { url } of [primary, standby]) await until(async () => (await ask(url, left)).length === 0)
})

test('a promoted replica serves no read any more', async () => {
  await using db = await open()
  await standby.promote()
  await ask(standby.url, 'insert into t values (-1)')
  assert.deepEqual(await look(db, -1), [false, primary.port])
  await until(async () => (await db.health()).replicas?.[0]?.state === 'error')
  assert.equal(await port(db), primary.port)
})

const openLane = ({ url }: { readonly url: string }): Promise<Connection> =>
  Connection.open(readOptions({ url }).connection)

test('an answer covers the writes that had ended when it was asked, and no later one', async () => {
  const lane = await openLane(primary)
  const position = new LogPosition()
  position.noteMissed()
  const asked = position.ask(lane)
  position.noteMissed()
  await asked
  assert.equal(position.known, undefined)
  await position.ask(lane)
  assert.ok(position.known)
  const early = position.ask(lane)
  lane.destroy(new Error('mine'))
  await early
  assert.equal(position.known, undefined, 'a write whose question was lost is not covered')
})

test('the position of a new timeline counts although the lost primary had come further', async () => {
  await ask(primary.url, 'insert into t select 1 from generate_series(1, 10000)')
  const [old, promoted] = [await openLane(primary), await openLane(standby)]
  const position = new LogPosition()
  await position.ask(old)
  const lost = position.known ?? 0n
  await position.ask(promoted)
  const known = position.known ?? 0n
  assert.ok(known > 0n && known < lost)
  await position.ask(old)
  assert.equal(position.known, known)
  await Promise.all([old.close(), promoted.close()])
})
