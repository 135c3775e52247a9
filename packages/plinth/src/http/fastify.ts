import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Database } from '../database/queryable.ts'
import { checkColumns } from './check-columns.ts'
import { followConnections } from './drain.ts'
import { databaseAway, type Problem, problemHeaders, problemWithColumns } from './problem.ts'
import { isAway, readiness } from './readiness.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The database the plugin was given. */
    db: Database
  }
  interface FastifyContextConfig {
    /** True: while the database is away the route answers 503 and its handler is not tried. */
    needsDatabase?: boolean
  }
}

export interface FastifyDatabaseOptions {
  readonly database: Database
  /** Answers 200 for as long as the process runs; never asks the database. Default `/live`. */
  readonly livePath?: string
  /** Answers 200, or 503 with Retry-After, from a probe at most 2 s old. Default `/ready`. */
  readonly readyPath?: string
  /** When the app closes, requests that run get this long; then their connections are cut. Default 10,000. */
  readonly drainMs?: number
}

/**
 * The database on each request (`request.db`), 503 with Retry-After on routes with `config: { needsDatabase: true }`
 * while it is away, live and ready routes, failures of the database as problems a client can read, and the database
 * closed with the app.
 *
 *     await app.register(fastifyDatabase, { database: db })
 *     app.get('/users', { config: { needsDatabase: true } }, (request) => request.db.run(users.find({})))
 */
export async function fastifyDatabase(app: FastifyInstance, options: FastifyDatabaseOptions): Promise<void> {
  const { database, livePath = '/live', readyPath = '/ready', drainMs = 10_000 } = options
  app.decorateRequest('db', { getter: () => database })
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.needsDatabase && isAway(database)) return send(reply, databaseAway())
    return undefined
  })
  const columnsOf = checkColumns(database)
  app.setErrorHandler(async (error: Error, request: FastifyRequest, reply: FastifyReply) => {
    const problem = await problemWithColumns(error, columnsOf)
    if (problem?.status === 500) request.log.error({ err: error }, problem.body.title)
    return problem ? send(reply, problem) : reply.send(error)
  })
  app.get(livePath, async () => ({ status: 'up' }))
  app.get(readyPath, async (_request, reply) => {
    const { status, headers, body } = await readiness(database)
    return reply.code(status).headers(headers).send(body)
  })
  const drain = followConnections(app.server)
  app.addHook('preClose', () => drain(drainMs))
  // Fastify runs it after the server has closed and the last request was answered.
  app.addHook('onClose', () => database.close())
}

// Without this mark a plugin's hooks and decorators stay inside itself (fastify-plugin sets the same).
Object.assign(fastifyDatabase, { [Symbol.for('skip-override')]: true })

function send(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).headers(problemHeaders(problem)).send(JSON.stringify(problem.body))
}
