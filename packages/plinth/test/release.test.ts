import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase()
// One connection, so that the next holder gets the same.
const db = createDatabase({ url, pool: { max: 1, sharedLanes: 0 } })
after(() => db.close())

const leftOver = `select current_setting('work_mem') as memory, pg_backend_pid() as pid,
  (select count(*)::int from pg_listening_channels()) as channels,
  (select count(*)::int from pg_prepared_statements where name = 'mine') as prepared,
  (select count(*)::int from pg_cursors where name = 'mine') as cursors,
  to_regclass('pg_temp.mine') is null as bare`
const { pid, memory } = await db.one<{ pid: number; memory: string }>(leftOver)
const clean = { memory, pid, channels: 0, prepared: 0, cursors: 0, bare: true }

/** Each is seen by `leftOver` while its connection is not reset. */
const leaving = [
  "set work_mem = '65kB'",
  'listen mine',
  'prepare mine as select 1',
  'declare mine cursor with hold for select 1',
  'create temporary table mine (id int)',
]

for (const text of leaving) {
  test(`what ${text.split(' ')[0]} left on a connection is gone for its next holder, and the connection is the same`, async () => {
    await db.transaction((tx) => tx.query(text))
    assert.deepEqual(await db.one(leftOver), clean, 'tx.query')
    await db.transaction((tx) => tx.pg.query(text))
    assert.deepEqual(await db.one(leftOver), clean, 'tx.pg')
    {
      await using tx = await db.begin()
      await tx.query(text)
      await tx.commit()
    }
    assert.deepEqual(await db.one(leftOver), clean, 'db.begin')
    {
      await using session = await db.session()
      await session.transaction((tx) => tx.query(text))
      assert.notDeepEqual(await session.one(leftOver), clean)
    }
    assert.deepEqual(await db.one(leftOver), clean, 'session')
    const client = await db.pgPool().connect()
    await client.query('begin')
    await client.query(text)
    await client.query('commit')
    assert.notDeepEqual((await client.query(leftOver)).rows, [clean])
    client.release()
    assert.deepEqual(await db.one(leftOver), clean, 'pgPool')
  })
}
