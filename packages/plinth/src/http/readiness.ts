import type { Health } from '../database/health-report.ts'
import type { Database } from '../database/queryable.ts'
import { awaySeconds } from './problem.ts'

/** True while a statement would only fail; before the first use it would connect. */
export function isAway(db: Database): boolean {
  return db.state === 'error' || db.state === 'draining' || db.state === 'closed'
}

/** What an orchestrator is told; without names of hosts, users or databases. */
export interface Readiness {
  readonly status: 200 | 503
  /** Retry-After, where the status is 503. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Pick<Health, 'status' | 'state' | 'since' | 'checkedAt' | 'latencyMs' | 'checks'>
}

/**
 * The answer of a ready route, for an HTTP server of your own; those of `plinth/fastify`, `plinth/express` and the hub
 * give the same. It comes from a probe at most 2 s old, or within about 2 s.
 *
 *     const { status, headers, body } = await readiness(db)
 *     return Response.json(body, { status, headers })
 */
export async function readiness(db: Database): Promise<Readiness> {
  const { status, state, since, checkedAt, latencyMs, checks } = await db.health()
  const body = { status, state, since, checkedAt, latencyMs, checks }
  if (status === 'up') return { status: 200, headers: {}, body }
  return { status: 503, headers: { 'retry-after': String(awaySeconds) }, body }
}
