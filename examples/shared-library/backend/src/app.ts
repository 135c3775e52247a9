import { createSessions, health, type Redis } from '@example/database'
import express, { type Express } from 'express'
import type { Database } from 'plinth'
import { expressDatabase } from 'plinth/express'
import { answerRefusal } from './answer-refusal.ts'
import { sessionRoutes } from './session-routes.ts'
import { userRoutes } from './user-routes.ts'

export function createApp(db: Database, redis: Redis): Express {
  const app = express()
  const database = expressDatabase(db)
  const sessions = createSessions(db, redis)

  app.use(database.attach, express.json())
  app.get('/live', database.live)
  app.get('/health', async (_request, response) => {
    const { status, headers, body } = await health(db, redis)
    response.status(status).set(headers).json(body)
  })
  app.use(userRoutes(db, database, sessions, redis), sessionRoutes(database, sessions))

  // Behind all routes: an e-mail or username that is taken becomes 409, a database that is away 503 with Retry-After.
  app.use(database.errors, answerRefusal)
  return app
}
