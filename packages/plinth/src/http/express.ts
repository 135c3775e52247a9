import type { IncomingMessage, ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import type { Database } from '../database/queryable.ts'
import { checkColumns } from './check-columns.ts'
import { databaseAway, type Problem, problemHeaders, problemWithColumns } from './problem.ts'
import { isAway, readiness } from './readiness.ts'

declare global {
  namespace Express {
    // Into this one the types of Express put what middleware adds to a request.
    interface Request {
      /** The database that `attach` was given. */
      db: Database
    }
  }
}

type Next = (error?: unknown) => void

/** Middleware of Express 5, and of everything else that speaks `(request, response, next)`. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: Next) => void

export interface ExpressDatabase {
  /** Puts the database on each request: `request.db`. */
  readonly attach: Middleware
  /** In front of a route that needs the database: 503 with Retry-After while it is away. */
  readonly needsDatabase: Middleware
  /** Answers 200 for as long as the process runs; never asks the database. */
  readonly live: Middleware
  /** Answers 200, or 503 with Retry-After, from a probe at most 2 s old. */
  readonly ready: Middleware
  /** Behind all routes: failures of the database as problems a client can read; the others go on to `next`. */
  readonly errors: (error: unknown, request: IncomingMessage, response: ServerResponse, next: Next) => void
}

/** A request behind `attach`. */
export interface WithDatabase {
  readonly db: Database
}

/**
 *     const database = expressDatabase(db)
 *     app.use(database.attach)
 *     app.get('/ready', database.ready)
 *     app.get('/users', database.needsDatabase, async (request, response) => …)
 *     app.use(database.errors)
 */
export function expressDatabase(db: Database): ExpressDatabase {
  const columnsOf = checkColumns(db)
  return {
    attach: (request, _response, next) => {
      Object.assign(request, { db } satisfies WithDatabase)
      next()
    },
    needsDatabase: (_request, response, next) => (isAway(db) ? send(response, databaseAway()) : next()),
    live: (_request, response) => sendJson(response, { status: 200, headers: {}, body: { status: 'up' } }),
    ready: (_request, response, next) => {
      readiness(db).then((answer) => sendJson(response, answer), next)
    },
    errors: (error, _request, response, next) => {
      problemWithColumns(error, columnsOf).then((problem) => {
        if (!problem || response.headersSent) return next(error)
        // As Express does with what no handler took.
        if (problem.status === 500) process.stderr.write(`${inspect(error)}\n`)
        return send(response, problem)
      }, next)
    },
  }
}

function send(response: ServerResponse, problem: Problem): void {
  response.writeHead(problem.status, problemHeaders(problem)).end(JSON.stringify(problem.body))
}

interface JsonAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
}

function sendJson(response: ServerResponse, { status, headers, body }: JsonAnswer): void {
  response.writeHead(status, { ...headers, 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(body))
}
