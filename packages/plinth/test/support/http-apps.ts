import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import { PlinthError } from '../../src/errors.ts'
import { expressDatabase } from '../../src/express.ts'
import { fastifyDatabase } from '../../src/fastify.ts'
import type { Database } from '../../src/index.ts'

/** What both apps work on. */
export const itemSchema = `create table item (id int primary key, name varchar(5) not null unique
  constraint item_name_check check (name <> 'bad'), owner int references item (id), weight int,
  constraint item_weight_check check (weight > 0 or owner is null))`

export type Row = readonly (string | number | null)[]

export interface App {
  readonly url: string
  close(): Promise<unknown>
}

/**
 * Routes over `item`: `GET /static` and `/fails` without the database, `/refused` which fails in it, `GET /items` which needs it, `POST /items` which
 * inserts one row in a transaction and was not marked as needing it, `POST /pg` the same through `db.pgPool()`.
 */
export type OpenApp = (db: Database) => Promise<App>

const insert = 'insert into item (id, name, owner, weight) values ($1, $2, $3, $4)'

/** No failure a client can do anything about, in words that hold a value. */
const raising = `do $$ begin raise exception 'ada has no credit'; end $$`

function save(db: Database, row: Row): Promise<unknown> {
  return db.transaction((tx) => tx.query(insert, [...row]), { name: 'saveItem' })
}

/** As an ORM does: pg's own error, wrapped in one of its own. */
async function saveByPg(db: Database, row: Row): Promise<void> {
  try {
    await db.pgPool().query(insert, [...row])
  } catch (cause) {
    throw new PlinthError('StatementFailed', 'What an ORM says.', { cause })
  }
}

const openFastify: OpenApp = async (db) => {
  const app = fastify()
  await app.register(fastifyDatabase, { database: db })
  app.get('/static', async () => ({ ok: true }))
  app.get('/items', { config: { needsDatabase: true } }, async (request) => (await request.db.query('select 1')).rows)
  app.post<{ Body: Row }>('/items', async (request) => {
    await save(request.db, request.body)
    return { ok: true }
  })
  app.post<{ Body: Row }>('/pg', async (request) => saveByPg(request.db, request.body))
  app.get('/refused', (request) => request.db.query(raising))
  app.get('/fails', async () => {
    throw new RangeError('mine')
  })
  return { url: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() }
}

const openExpress: OpenApp = async (db) => {
  const app = express()
  const database = expressDatabase(db)
  app.use(database.attach, express.json())
  app.get('/live', database.live)
  app.get('/ready', database.ready)
  app.get('/static', (_request, response) => void response.json({ ok: true }))
  app.get('/items', database.needsDatabase, async (request, response) => {
    const { db: own } = request
    response.json((await own.query('select 1')).rows)
  })
  app.post('/items', async (request, response) => {
    await save(db, request.body)
    response.json({ ok: true })
  })
  app.post('/pg', async (request, response) => {
    await saveByPg(db, request.body)
    response.json({ ok: true })
  })
  app.get('/refused', async () => {
    await db.query(raising)
  })
  app.get('/fails', () => {
    throw new RangeError('mine')
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

export const openApps: readonly (readonly [name: string, open: OpenApp])[] = [
  ['Fastify', openFastify],
  ['Express', openExpress],
]

export interface Answered {
  readonly status: number
  readonly retryAfter: string | null
  readonly type: string | null
  readonly body: { readonly code?: string; readonly fields?: readonly string[]; readonly status?: unknown }
}

export async function get({ url }: App, path: string): Promise<Answered> {
  return answered(await fetch(url + path))
}

export async function post({ url }: App, path: string, row: Row): Promise<Answered> {
  const headers = { 'content-type': 'application/json' }
  return answered(await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(row) }))
}

async function answered(response: Response): Promise<Answered> {
  const text = await response.text()
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    type: response.headers.get('content-type'),
    body: text === '' ? {} : JSON.parse(text),
  }
}
