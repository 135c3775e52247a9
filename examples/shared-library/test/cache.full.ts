import assert from 'node:assert/strict'
import { after, mock, test } from 'node:test'
import { connectRedis, createCache } from '@example/database'
import { createDatabase } from 'plinth'
import { createTestDatabase } from 'plinth/testing'
import { startRedis, withoutOwnRedis, withoutRedis } from './support/redis.ts'
import { until } from './support/until.ts'

const skip = withoutRedis
const scope = new AsyncDisposableStack()
after(() => scope.disposeAsync())
const server = skip ? undefined : scope.use(await startRedis())
const script = `create table item (id int primary key, name text); insert into item values (1, 'one'), (2, 'two')`
const database = scope.use(
  await createTestDatabase({ server: { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }, script }),
)
const db = scope.use(createDatabase({ url: database.url }))
const redis = connectRedis(server?.url)
scope.defer(() => redis.close())

let loads = 0
const load = async (id: number): Promise<string | undefined> => {
  loads++
  return (await db.maybeOne<{ name: string }>('select name from item where id = $1', [id]))?.name
}
/** Each test has names of its own in Redis. */
const named = (name: string) => createCache({ db, redis, name, load })
const rename = (name: string): Promise<unknown> => db.query('update item set name = $1 where id = 1', [name])

test('many reads of a row at once load it once, and later ones come from Redis', { skip }, async () => {
  await until('Redis is connected', async () => (await redis.ask((client) => client.ping())) === 'PONG')
  const cache = named('flight')
  loads = 0
  assert.deepEqual(new Set(await Promise.all(Array.from({ length: 50 }, () => cache.read(2)))), new Set(['two']))
  assert.equal(await named('flight').read(2), 'two')
  assert.equal(loads, 1)
  assert.equal(await cache.read(3), undefined)
})

test('an entry is fresh for 30 s, or until it is forgotten', { skip }, async () => {
  const cache = named('fresh')
  await rename('old')
  assert.equal(await cache.read(1), 'old')
  await rename('new')
  assert.equal(await cache.read(1), 'old')
  await cache.forget(1)
  assert.equal(await cache.read(1), 'new')
  await rename('newest')
  mock.timers.enable({ apis: ['Date'], now: Date.now() + 31_000 })
  assert.equal(await cache.read(1), 'newest')
  mock.timers.reset()
})

/** A cache whose loads have read their row, and hold it back until they may go on. */
function heldBack(name: string) {
  const loaded = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const slowly = async (id: number): Promise<string | undefined> => {
    const row = await load(id)
    loaded.resolve()
    await goOn.promise
    return row
  }
  return { cache: createCache({ db, redis, name, load: slowly }), loaded: loaded.promise, goOn: goOn.resolve }
}

test('what was loaded before a commit and arrives behind it is not kept', { skip }, async () => {
  const { cache, loaded, goOn } = heldBack('late')
  await rename('before')
  const reading = cache.read(1)
  await loaded
  await rename('behind')
  await cache.forget(1)
  assert.equal(await named('late').read(1), 'behind')
  goOn()
  assert.equal(await reading, 'before')
  assert.equal(await named('late').read(1), 'behind')
})

test('who asks behind a commit does not join a load from before it', { skip }, async () => {
  const { cache, loaded, goOn } = heldBack('joined')
  await rename('before')
  const reading = cache.read(1)
  await loaded
  await rename('behind')
  await cache.forget(1)
  const later = cache.read(1)
  goOn()
  assert.deepEqual(await Promise.all([reading, later]), ['before', 'behind'])
})

test('an old entry is served while the database is away', { skip }, async () => {
  await using away = createDatabase({ url: 'postgres://127.0.0.1:9/nobody' })
  await assert.rejects(away.connect({ deadlineMs: 50 }))
  const lost = createCache<number, string>({
    db: away,
    redis,
    name: 'away',
    load: async (id) => (await away.one<{ name: string }>('select name from item where id = $1', [id])).name,
  })
  await rename('kept')
  assert.equal(await named('away').read(1), 'kept')
  mock.timers.enable({ apis: ['Date'], now: Date.now() + 600_000 })
  assert.equal(await lost.read(1), 'kept')
  mock.timers.reset()
})

test('a frozen Redis costs a moment and no answer', { skip: withoutOwnRedis }, async () => {
  const cache = named('frozen')
  assert.equal(await cache.read(2), 'two')
  server?.freeze()
  assert.equal(await cache.read(2), 'two')
  await cache.forget(2)
  server?.thaw()
})
