import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { installReload } from '@plinth/hub'
import { createDatabase } from 'plinth'
import { findRelation } from 'plinth/operation'
import { hearNotices } from '../src/schema/change-notices.ts'
import { SchemaCache } from '../src/schema/schema-cache.ts'
import { ask, testHub } from './support/hub.ts'
import { until } from './support/until.ts'

// The one connection beside its pool is for the notices of this file.
const hub = testHub(() => ({ dialect: { channels: [] } }))
const faults: unknown[] = []

let readings = 0
let cache: SchemaCache
let notices: AsyncDisposable

let made = 0

/** A table under a new name, which a catalog read before does not have. */
async function makeTable(): Promise<string> {
  const name = `made_${made++}`
  await hub.sql(`create table ${name} (id int)`)
  return name
}

function isKnown(name: string): Promise<boolean> {
  return cache.lookUp((catalog) => findRelation(catalog, name) !== undefined)
}

describe('the catalog is read anew', () => {
  before(async () => {
    const { database } = hub
    const transaction: typeof database.transaction = (...given) => {
      readings++
      return database.transaction(...given)
    }
    const counted = Object.create(database, { transaction: { value: transaction } })
    const onFault = (error: unknown): void => void faults.push(error)
    cache = new SchemaCache(counted, { schemas: ['public'], extraSearchPath: [] }, { onFault, onRead: async () => {} })
    const hear = (payload: string): void => {
      if (payload !== 'reload config') cache.noteChanged()
    }
    notices = await hearNotices(database, { channels: ['pgrst', 'plinth'], hear, onFault })
    await cache.reload()
  })
  after(() => notices[Symbol.asyncDispose]())

  for (const notice of [`notify pgrst, 'reload schema'`, 'notify pgrst', `notify plinth, 'reload schema'`])
    test(`after ${notice}`, async () => {
      const name = await makeTable()
      assert.equal(await isKnown(name), false)
      await hub.sql(notice)
      await until(() => isKnown(name))
    })

  test('when the listening connection was lost and is back', async () => {
    const name = await makeTable()
    const listening = `query = 'listen "plinth"' and datname = current_database()`
    const lost = await hub.sql(`select pg_terminate_backend(pid) from pg_stat_activity where ${listening}`)
    assert.ok(lost.length >= 1)
    await until(() => isKnown(name))
  })

  test('after a storm of notices a few times, and after the last of them', async () => {
    const before = readings
    for (let n = 0; n < 100; n++) await hub.sql('notify pgrst')
    const name = await makeTable()
    await hub.sql('notify pgrst')
    await until(() => isKnown(name))
    assert.ok(readings - before <= 12, `${readings - before} readings`)
  })

  test('while requests are answered from the old one', async () => {
    const name = await makeTable()
    await hub.sql('begin')
    await hub.sql('lock table pg_catalog.pg_description in access exclusive mode')
    const before = readings
    await hub.database.query('notify pgrst')
    await until(async () => readings > before)
    assert.equal(await isKnown(name), false)
    await hub.sql('commit')
    await until(() => isKnown(name))
  })

  test('once more when a reading had begun before the change', async () => {
    await hub.sql('begin')
    await hub.sql('lock table pg_catalog.pg_description in access exclusive mode')
    const reading = cache.reload()
    const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    await until(async () => (await hub.database.query(waiting)).rowCount > 0)
    const name = await makeTable()
    cache.noteChanged()
    await hub.sql('commit')
    await reading
    await until(() => isKnown(name))
  })

  test('after DDL, once installReload has been called, and not after work on temporary tables', async () => {
    await using owner = createDatabase({ url: await ownerUrl() })
    await assert.rejects(installReload(hub.database), { code: 'PermissionDenied' })
    await installReload(owner)
    await installReload(owner)
    const name = await makeTable()
    await until(() => isKnown(name))
    const before = readings
    await owner.transaction(async (tx) => {
      await tx.query('create temp table mine (id int)')
      await tx.query('drop table mine')
    })
    await hub.sql(`drop table ${name}`)
    await until(async () => !(await isKnown(name)))
    assert.equal(readings - before, 1)
  })
})

/** The test database for its superuser. */
async function ownerUrl(): Promise<string> {
  const url = new URL(process.env['PLINTH_TEST_DATABASE_URL'] ?? '')
  const [row] = await hub.sql('select current_database() as name')
  url.pathname = `/${String(row?.['name'])}`
  return url.href
}

test('a hub listens as long as it serves', async () => {
  await using database = createDatabase({ url: await ownerUrl() })
  const listening = async (): Promise<number> => {
    const text = `query = 'listen "told"' and datname = current_database()`
    return (await hub.sql(`select from pg_stat_activity where ${text}`)).length
  }
  await using other = hub.another({ database, dialect: { channels: ['told'] } })
  await other.listen({ port: 0 })
  assert.equal(await listening(), 1)
  await other.close()
  assert.equal(await listening(), 0)
})

describe('a hub that could never read the catalog', () => {
  test('answers 503, and says that it tries again', async () => {
    const database = createDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', pool: { acquireTimeoutMs: 100 } })
    await using away = hub.another({ database })
    const answer = await ask(away, 'GET', '/users')
    assert.deepEqual([answer.status, answer.json.code], [503, 'PGRST002'])
    assert.equal(answer.headers.get('retry-after'), '1')
    await database.close()
  })
})
