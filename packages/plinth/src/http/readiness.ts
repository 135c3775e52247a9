import type { Health } from '../database/health-report.ts'
import type { Database } from '../database/queryable.ts'

/** True while a statement would only fail; before the first use it would connect. */
export function isAway(db: Database): boolean {
  return db.state === 'error' || db.state === 'draining' || db.state === 'closed'
}

/** What an orchestrator is told; without names of hosts, users or databases. */
export interface Readiness {
  readonly status: 200 | 503
  readonly body: Pick<Health, 'status' | 'state' | 'since' | 'checkedAt' | 'latencyMs' | 'checks'>
}

export async function readiness(db: Database): Promise<Readiness> {
  const { status, state, since, checkedAt, latencyMs, checks } = await db.health()
  return { status: status === 'up' ? 200 : 503, body: { status, state, since, checkedAt, latencyMs, checks } }
}
