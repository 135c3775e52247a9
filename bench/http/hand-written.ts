import { createHash, timingSafeEqual } from 'node:crypto'
import { fastify, type FastifyInstance } from 'fastify'
import pg from 'pg'
import { serviceKeyHash } from '../sample.ts'
import { openPool } from '../sql/pg.ts'

interface Query {
  readonly name: string
  readonly text: string
}

/** The hub's answer for the same request, made the same way: PostgreSQL writes the JSON, the handler passes it on. */
const readOne: Query = {
  name: 'read_one',
  text: `select coalesce(json_agg(r), '[]')::text as body from (
    select id, name, email, age, active, joined from users where id = $1) r`,
}
const list: Query = {
  name: 'list',
  text: `select coalesce(json_agg(r), '[]')::text as body from (
    select id, name, email, age from users where age = $1 order by id limit $2) r`,
}
const insert: Query = {
  name: 'insert',
  text: `with r as (insert into entries (author, note) values ($1, $2) returning id, author, note, made)
    select coalesce(json_agg(r), '[]')::text as body from r`,
}

type Run = (query: Query, values: readonly unknown[]) => Promise<string>

export interface Server extends AsyncDisposable {
  readonly url: string
}

/** What a careful team writes by hand. With a `role` each request runs under it; without one, as the login itself. */
export async function startHandWritten(url: string, role?: string): Promise<Server> {
  const pool = openPool(url)
  const app = createApp(role === undefined ? asLogin(pool) : asRole(pool, role))
  return {
    url: await app.listen({ host: '127.0.0.1', port: 0 }),
    [Symbol.asyncDispose]: async () => {
      await app.close()
      await pool.end()
    },
  }
}

function asLogin(pool: pg.Pool): Run {
  return async (query, values) => bodyOf(await pool.query<{ body: string }>({ ...query, values: [...values] }))
}

/**
 * The usual role switch. BEGIN and the settings are one text and so one round trip, which is the best node-postgres
 * offers: three trips a request instead of five.
 */
function asRole(pool: pg.Pool, role: string): Run {
  const claims = JSON.stringify({ role, sub: 'bench' })
  const begin = `begin; set local role ${pg.escapeIdentifier(role)}; set local request.jwt.claims = ${pg.escapeLiteral(claims)}`
  return async (query, values) => {
    const client = await pool.connect()
    try {
      await client.query(begin)
      const answer = await client.query<{ body: string }>({ ...query, values: [...values] })
      await client.query('commit')
      client.release()
      return bodyOf(answer)
    } catch (error) {
      await client.query('rollback').then(
        () => client.release(),
        (failure: Error) => client.release(failure),
      )
      throw error
    }
  }
}

function bodyOf({ rows }: pg.QueryResult<{ body: string }>): string {
  return rows[0]?.body ?? '[]'
}

const id = { type: 'integer', minimum: 1, maximum: 2_147_483_647 } as const

function createApp(run: Run): FastifyInstance {
  const app = fastify()
  const known = Buffer.from(serviceKeyHash, 'hex')
  app.addHook('onRequest', async (request, reply) => {
    const key = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    const given = createHash('sha256').update(key).digest()
    if (!timingSafeEqual(given, known)) return reply.code(401).send({ message: 'The key is not known' })
    return undefined
  })
  app.get<{ Params: { id: number } }>(
    '/users/:id',
    { schema: { params: { type: 'object', properties: { id }, required: ['id'] } } },
    async (request, reply) => reply.type('application/json').send(await run(readOne, [request.params.id])),
  )
  app.get<{ Querystring: { age: number; limit: number } }>(
    '/users',
    { schema: { querystring: { type: 'object', properties: { age: id, limit: id }, required: ['age', 'limit'] } } },
    async (request, reply) =>
      reply.type('application/json').send(await run(list, [request.query.age, request.query.limit])),
  )
  const body = { type: 'object', properties: { author: id, note: { type: 'string' } }, required: ['author', 'note'] }
  app.post<{ Body: { author: number; note: string } }>('/entries', { schema: { body } }, async (request, reply) =>
    reply
      .code(201)
      .type('application/json')
      .send(await run(insert, [request.body.author, request.body.note])),
  )
  return app
}
