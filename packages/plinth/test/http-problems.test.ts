import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import fastify from 'fastify'
import { createDatabase } from '../src/database/database.ts'
import type { Database } from '../src/database/queryable.ts'
import { fastifyDatabase } from '../src/fastify.ts'
import { watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'
import { type App, get, itemSchema, openApps, post, type Row } from './support/http-apps.ts'

const { url } = await testDatabase({ script: itemSchema })
const activity = await watchActivity(url)
after(() => activity.close())

interface Expected {
  readonly what: string
  readonly row: Row
  readonly status: number
  readonly code: string
  readonly fields?: readonly string[]
}

const ada: Row = [1, 'ada', null, null]

/** What PostgreSQL refuses, after `ada` was saved. */
const refused: readonly Expected[] = [
  { what: '23505', row: [2, 'ada', null, null], status: 409, code: 'UniqueViolation', fields: ['name'] },
  { what: '23503', row: [2, 'bob', 99, 1], status: 409, code: 'ForeignKeyViolation', fields: ['owner'] },
  { what: '23502', row: [2, null, null, null], status: 422, code: 'NotNullViolation', fields: ['name'] },
  { what: '23514', row: [2, 'bad', null, null], status: 422, code: 'CheckViolation', fields: ['name'] },
  { what: '23514 of two', row: [2, 'bob', 1, -1], status: 422, code: 'CheckViolation', fields: ['owner', 'weight'] },
  { what: '22001', row: [2, 'secret', null, null], status: 422, code: 'InvalidValue' },
  { what: '22P02', row: ['secret', 'bob', null, null], status: 422, code: 'InvalidValue' },
]

for (const [name, open] of openApps) {
  describe(name, () => {
    let db: Database
    let app: App

    before(async () => {
      // The first login counts as waiting too, and on a busy machine it can be slow.
      db = createDatabase({ url, pool: { max: 2, acquireTimeoutMs: 2000 } })
      app = await open(db)
    })
    beforeEach(() => activity.query('truncate item'))
    after(async () => {
      await app.close()
      assert.equal(db.state, 'closed')
    })

    for (const path of ['/items', '/pg'])
      test(`integrity and validation errors on ${path} are answers a client can use, without the value`, async () => {
        assert.equal((await post(app, path, ada)).status, 200)
        for (const { what, row, status, code, fields } of refused) {
          const { type, retryAfter, ...answer } = await post(app, path, row)
          const told = [what, answer.status, answer.body.code, answer.body.fields, type, retryAfter]
          assert.deepEqual(told, [what, status, code, fields, 'application/problem+json; charset=utf-8', null])
          assert.equal(JSON.stringify(answer.body).includes('secret'), false, what)
        }
      })

    test('what PostgreSQL says of any other failure stays here, in the log', async (t) => {
      const logged = t.mock.method(process.stderr, 'write', () => true)
      const { status, body, type } = await get(app, '/refused')
      assert.deepEqual([status, body.code, type], [500, 'StatementFailed', 'application/problem+json; charset=utf-8'])
      assert.equal(JSON.stringify(body).includes('credit'), false)
      if (name === 'Express') assert.match(String(logged.mock.calls[0]?.arguments[0]), /ada has no credit/)
    })

    test('what is no failure of the database is left to the framework', async () => {
      const { status, body } = await get(app, '/fails')
      assert.deepEqual([status, 'code' in body], [500, false])
    })

    test('while all connections are held, a route that waits in vain says when to come back', async () => {
      // The other one is a shared lane.
      const session = await db.session()
      const { status, retryAfter, body } = await post(app, '/items', ada)
      await session[Symbol.asyncDispose]()
      assert.deepEqual([status, retryAfter, body.code], [503, '1', 'PoolTimeout'])
      assert.equal((await post(app, '/items', ada)).status, 200)
    })
  })
}

test('the live and ready routes are where the application wants them', async () => {
  const app = fastify()
  const database = createDatabase({ url })
  await app.register(fastifyDatabase, { database, livePath: '/healthz', readyPath: '/readyz' })
  const statusOf = async (path: string): Promise<number> => (await app.inject(path)).statusCode
  const paths = ['/healthz', '/readyz', '/live', '/ready']
  assert.deepEqual(await Promise.all(paths.map(statusOf)), [200, 200, 404, 404])
  await app.close()
})

test('an app that closes gives its requests drainMs, then cuts them and closes the database', async () => {
  const db = createDatabase({ url })
  const app = fastify()
  await app.register(fastifyDatabase, { database: db, drainMs: 50 })
  const arrived = Promise.withResolvers<void>()
  app.get('/never', () => {
    arrived.resolve()
    return new Promise(() => undefined)
  })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const asked = assert.rejects(fetch(`${address}/never`))
  await arrived.promise
  await app.close()
  await asked
  assert.equal(db.state, 'closed')
})
