import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import express from 'express'
import fastify from 'fastify'
import { createDatabase } from '../src/database/database.ts'
import type { Database } from '../src/database/queryable.ts'
import { startEmbedded } from '../src/embedded/server.ts'
import { expressDatabase, type WithDatabase } from '../src/express.ts'
import { fastifyDatabase } from '../src/fastify.ts'
import { until } from './support/activity.ts'
import { start, temporaryFolder } from './support/embedded.ts'

const folder = temporaryFolder()
const insert = 'insert into item (id, name, owner) values ($1, $2, $3)'

interface App {
  readonly url: string
  close(): Promise<unknown>
}

async function fastifyApp(db: Database): Promise<App> {
  const app = fastify()
  await app.register(fastifyDatabase, { database: db })
  app.get('/static', async () => ({ ok: true }))
  app.get('/items', { config: { needsDatabase: true } }, async (request) => (await request.db.query('select 1')).rows)
  app.post<{ Body: unknown[] }>('/items', async (request) => {
    await request.db.query(insert, request.body as string[])
    return { ok: true }
  })
  app.get('/fails', async () => {
    throw new Error('mine')
  })
  return { url: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() }
}

async function expressApp(db: Database): Promise<App> {
  const app = express()
  const database = expressDatabase(db)
  app.use(database.attach, express.json())
  app.get('/live', database.live)
  app.get('/ready', database.ready)
  app.get('/static', (_request, response) => void response.json({ ok: true }))
  app.get('/items', database.needsDatabase, async (request, response) => {
    const { db: own } = request as typeof request & WithDatabase
    response.json((await own.query('select 1')).rows)
  })
  app.post('/items', async (request, response) => {
    await db.query(insert, request.body)
    response.json({ ok: true })
  })
  app.get('/fails', () => {
    throw new Error('mine')
  })
  app.use(database.errors)
  app.use((_error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
    response.status(500).json({ message: 'mine' })
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    await server[Symbol.asyncDispose]()
    await db.close()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

for (const [name, open] of [
  ['Fastify', fastifyApp],
  ['Express', expressApp],
] as const) {
  describe(name, () => {
    const dataDir = join(folder, name)
    let server: Awaited<ReturnType<typeof start>>
    let db: Database
    let app: App

    before(async () => {
      server = await start(dataDir)
      db = createDatabase({ url: server.url, pool: { acquireTimeoutMs: 2000 } })
      await db.query(`create table item (id int primary key, name varchar(5) not null unique check (name <> 'bad'),
        owner int references item (id))`)
      app = await open(db)
    })
    after(async () => {
      await app.close()
      assert.equal(db.state, 'closed')
      await server.stop()
    })

    const ask = async (path: string): Promise<[number, string | null]> => {
      const response = await fetch(app.url + path)
      await response.text()
      return [response.status, response.headers.get('retry-after')]
    }
    const post = async (...row: (string | number | null)[]): Promise<Record<string, unknown>> => {
      const response = await fetch(`${app.url}/items`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(row),
      })
      const body: Record<string, unknown> = { ...((await response.json()) as object) }
      assert.equal(JSON.stringify(body).includes('secret'), false)
      return { status: response.status, fields: body['fields'], code: body['code'] }
    }

    test('integrity and validation errors are answers a client can use', async () => {
      assert.equal((await post(1, 'ada', null))['status'], 200)
      assert.deepEqual(await post(2, 'ada', null), { status: 409, code: 'UniqueViolation', fields: ['name'] })
      assert.deepEqual(await post(2, 'bob', 99), { status: 409, code: 'ForeignKeyViolation', fields: ['owner'] })
      assert.deepEqual(await post(2, null, null), { status: 422, code: 'NotNullViolation', fields: ['name'] })
      assert.equal((await post(2, 'bad', null))['code'], 'CheckViolation')
      assert.deepEqual(await post(2, 'secret', null), { status: 422, code: 'InvalidValue', fields: undefined })
      assert.deepEqual(await ask('/fails'), [500, null])
    })

    test('while the database is away its routes answer 503, the others go on, and recovery needs no restart', async () => {
      assert.deepEqual(await ask('/items'), [200, null])
      assert.deepEqual(await ask('/ready'), [200, null])
      await server.stop()
      await until(async () => db.state === 'error')
      assert.deepEqual(await ask('/items'), [503, '5'])
      assert.equal((await post(3, 'eve', null))['status'], 503)
      assert.deepEqual(await ask('/static'), [200, null])
      assert.deepEqual(await ask('/live'), [200, null])
      assert.deepEqual(await ask('/ready'), [503, '5'])
      server = await startEmbedded({ dataDir, port: server.port })
      await until(async () => (await ask('/items'))[0] === 200)
      await until(async () => (await ask('/ready'))[0] === 200)
    })
  })
}
