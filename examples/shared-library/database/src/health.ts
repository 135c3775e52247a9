import { type Database, readiness } from 'plinth'
import type { Redis } from './redis.ts'

export interface HealthAnswer {
  readonly status: 200 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
}

/**
 * | database | Redis | answer |
 * |---|---|---|
 * | up | up | 200, `up` |
 * | up | away | 200, `degraded`: everything works, and the database does all of it |
 * | away | either | 503 with Retry-After, `down`: what Redis has can still be read |
 */
export async function health(db: Database, redis: Redis): Promise<HealthAnswer> {
  const [database, pong] = await Promise.all([readiness(db), redis.ask((client) => client.ping())])
  const { status, headers, body } = database
  const isDegraded = body.status === 'up' && !pong
  return {
    status,
    headers,
    body: { ...body, status: isDegraded ? 'degraded' : body.status, redis: pong ? 'up' : 'down' },
  }
}
