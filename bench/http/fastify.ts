import { createHash, timingSafeEqual } from 'node:crypto'
import { fastify, type FastifyInstance } from 'fastify'
import { serviceKeyHash } from '../sample.ts'

/** The four pieces of work; each answers JSON text. */
export interface Answers {
  read(id: number): Promise<string>
  list(age: number, limit: number): Promise<string>
  embed(id: number): Promise<string>
  insert(author: number, note: string): Promise<string>
}

const id = { type: 'integer', minimum: 1, maximum: 2_147_483_647 } as const

/** What a careful team writes by hand: the key is checked, what comes in is validated by a schema. */
export function fastifyApp(answers: Answers): FastifyInstance {
  const app = fastify()
  const known = Buffer.from(serviceKeyHash, 'hex')
  app.addHook('onRequest', async (request, reply) => {
    const key = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    const given = createHash('sha256').update(key).digest()
    if (!timingSafeEqual(given, known)) return reply.code(401).send({ message: 'The key is not known' })
    return undefined
  })
  const byId = { schema: { params: { type: 'object', properties: { id }, required: ['id'] } } }
  app.get<{ Params: { id: number } }>('/users/:id', byId, async (request, reply) =>
    reply.type('application/json').send(await answers.read(request.params.id)),
  )
  app.get<{ Params: { id: number } }>('/users/:id/posts', byId, async (request, reply) =>
    reply.type('application/json').send(await answers.embed(request.params.id)),
  )
  app.get<{ Querystring: { age: number; limit: number } }>(
    '/users',
    { schema: { querystring: { type: 'object', properties: { age: id, limit: id }, required: ['age', 'limit'] } } },
    async (request, reply) =>
      reply.type('application/json').send(await answers.list(request.query.age, request.query.limit)),
  )
  const body = { type: 'object', properties: { author: id, note: { type: 'string' } }, required: ['author', 'note'] }
  app.post<{ Body: { author: number; note: string } }>('/entries', { schema: { body } }, async (request, reply) =>
    reply
      .code(201)
      .type('application/json')
      .send(await answers.insert(request.body.author, request.body.note)),
  )
  return app
}
