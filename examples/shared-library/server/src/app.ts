import { createSessions, health, type Redis, Refused } from '@example/database'
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Database } from 'plinth'
import { fastifyDatabase } from 'plinth/fastify'
import { blogRoutes } from './blog-routes.ts'

export async function createApp(db: Database, redis: Redis): Promise<FastifyInstance> {
  const app = fastify({ logger: { level: 'warn' } })
  await app.register(fastifyDatabase, { database: db })
  app.get('/health', async (_request, reply) => {
    const { status, headers, body } = await health(db, redis)
    return reply.code(status).headers(headers).send(body)
  })
  // In a scope of their own, so that what is not refused goes on to the error handler of fastifyDatabase.
  await app.register(async (routes) => {
    routes.setErrorHandler(answerRefusal)
    blogRoutes(routes, createSessions(db, redis), db, redis)
  })
  return app
}

function answerRefusal(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (!(error instanceof Refused)) throw error
  return reply.code(error.status).type('application/problem+json').send(error.body)
}
