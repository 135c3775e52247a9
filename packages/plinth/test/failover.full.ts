import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { table } from '../src/index.ts'
import { startServerProcess } from '../src/testing/server-process.ts'
import type { Database } from '../src/index.ts'
import { errorOf, until } from './support/activity.ts'
import { ask, temporaryFolder } from './support/embedded.ts'

const folder = temporaryFolder()

test('connections go to the primary, and to the promoted standby when it is killed', async () => {
  await using primary = await startServerProcess({ dataDir: join(folder, 'primary'), settings: {} })
  await ask(primary.url, 'create table t (id int)')
  await using standby = await primary.standby(join(folder, 'standby'))
  const isThere = async (): Promise<boolean> => (await ask(standby.url, `select to_regclass('t') as t`)).length === 1
  await until(isThere)
  const [one, two] = [new URL(primary.url), new URL(standby.url)]
  // The standby first: it is passed over.
  const both = primary.url.replace(one.host, `${two.host},${one.host}`)
  await using db = createDatabase({ url: both, pool: { max: 4, acquireTimeoutMs: 30_000 } })
  const port = async (): Promise<unknown> =>
    db.transaction(
      async (tx) => {
        await tx.query('insert into t values (1)')
        return (await tx.one('select inet_server_port() as port'))['port']
      },
      { timeoutMs: 60_000 },
    )
  assert.equal(await port(), primary.port)
  await primary.stop('kill')
  const waiting = Promise.all(Array.from({ length: 20 }, port))
  await standby.promote()
  assert.deepEqual(new Set(await waiting), new Set([standby.port]))
})

const insert = 'insert into t values (1)'
interface Way {
  readonly write: (db: Database) => Promise<unknown>
  /** What its first caller after the promotion sees; undefined where the write is run again. */
  readonly fails?: string
}
const ways: Readonly<Record<string, Way>> = {
  query: { write: (db) => db.query(insert) },
  run: { write: (db) => db.run(table('t').insert({ id: 1 })) },
  transaction: { write: (db) => db.transaction((tx) => tx.query(insert)) },
  independent: { write: (db) => db.independent((tx) => tx.query(insert)) },
  begin: {
    fails: 'ReadOnlyServer',
    write: async (db) => {
      await using tx = await db.begin()
      await tx.query(insert)
      await tx.commit()
    },
  },
  session: {
    fails: 'ReadOnlyServer',
    write: async (db) => {
      await using session = await db.session()
      await session.query(insert)
    },
  },
  'session transaction': {
    fails: 'ReadOnlyServer',
    write: async (db) => {
      await using session = await db.session()
      await session.transaction((tx) => tx.query(insert))
    },
  },
  script: {
    fails: 'ReadOnlyServer',
    write: async (db) => {
      await using session = await db.session()
      await session.script(insert)
    },
  },
  'tx.pg': { write: (db) => db.transaction((tx) => tx.pg.query(insert)) },
  pgPool: { fails: '25006', write: (db) => db.pgPool().query(insert) },
}

test('after a promotion every way to write leaves the old primary, which still answers, for the new one', async () => {
  await using primary = await startServerProcess({ dataDir: join(folder, 'fenced'), settings: {} })
  await ask(primary.url, 'create table t (id int)')
  await using standby = await primary.standby(join(folder, 'promoted'))
  await until(async () => (await ask(standby.url, `select to_regclass('t') as t`)).length === 1)
  const [one, two] = [new URL(primary.url), new URL(standby.url)]
  const url = primary.url.replace(one.host, `${one.host},${two.host}`)
  const open = async ([name, way]: [string, Way]) => {
    const db = createDatabase({ url, service: name, pool: { max: 4 } })
    // Several connections to the old primary, so that one is left where only the failing one was given up.
    await Promise.all([1, 2, 3].map(() => db.transaction((tx) => tx.query('select pg_sleep(0.1)'))))
    return { name, way, db }
  }
  const opened = await Promise.all(Object.entries(ways).map(open))
  await ask(primary.url, 'alter system set default_transaction_read_only = on', 'select pg_reload_conf()')
  await standby.promote()
  for (const { name, way, db } of opened) {
    if (way.fails !== undefined) assert.equal((await errorOf(way.write(db))).code, way.fails, name)
    await way.write(db)
    assert.equal(db.state, 'connected', name)
    // Nothing of it is left that leads to the old one.
    const ports = await Promise.all(
      [1, 2, 3, 4].map(() => db.transaction((tx) => tx.one('select inet_server_port() as p'))),
    )
    assert.deepEqual(new Set(ports.map(({ p }) => p)), new Set([standby.port]), name)
    await db.close()
  }
  assert.equal((await ask(standby.url, 'select from t')).length, opened.length)
})

test('a reload that makes the only server read-only is an error, noticed without a restart, as is its end', async () => {
  await using server = await startServerProcess({ dataDir: join(folder, 'reloaded'), settings: {} })
  await ask(server.url, 'create table t (id int)')
  await using db = createDatabase({ url: server.url, pool: { max: 2 } })
  // Both connections there may be: none is opened later, whose login would tell.
  await Promise.all([db.query(insert), db.query('select from t')])
  const set = (value: string): Promise<unknown> =>
    ask(server.url, `alter system set default_transaction_read_only = ${value}`, 'select pg_reload_conf()')
  await set('on')
  await until(async () => {
    await db.query('select from t')
    return db.state === 'error'
  })
  assert.equal((await db.query('select from t')).rowCount, 1)
  // In a session that overrides it the setting can be taken back.
  await using own = createDatabase({ url: server.url })
  await using session = await own.session()
  await session.query('set default_transaction_read_only = off')
  await session.query('alter system reset default_transaction_read_only')
  await session.query('select pg_reload_conf()')
  await until(async () => db.state === 'connected')
  await db.query(insert)
})
