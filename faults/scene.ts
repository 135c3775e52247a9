import pg from 'pg'
import type { FaultProxy } from '../packages/plinth/src/testing/fault-proxy.ts'
import type { ServerProcess } from '../packages/plinth/src/testing/server-process.ts'
import type { OpenContestant } from './contestant.ts'
import type { Random } from './random.ts'
import type { Entry, Mood } from './workload.ts'

/** The servers of a run; a failover changes who is the primary. */
export interface Stage {
  server: ServerProcess
  readonly proxy: FaultProxy
  /** Below it each server has its folder. */
  readonly folder: string
  readonly seed: number
  readonly contestantName: string
  readonly open: OpenContestant
}

/** What a fault may touch while clients run. */
export interface Scene extends Stage {
  /** application_name of the clients. */
  readonly service: string
  readonly random: Random
  readonly log: Entry[]
  readonly mood: Mood
  /** Contradictions a fault found itself. */
  readonly wrong: string[]
}

export interface Fault {
  readonly name: string
  /** Why it cannot be brought about on this machine. */
  readonly missing?: () => string | undefined
  /** The server lives, so it can be asked what became of a lost COMMIT: no transaction may end as unknown. */
  readonly isResolvable?: true
  /** Breaks something and mends it again. Resolves with how often that happened; 0 fails the run. */
  readonly run: (scene: Scene) => Promise<number>
}

/**
 * How many calls felt what began at `from` (performance.now()) and is over: they failed, or ran again, or took `ms` or
 * longer.
 */
export function felt({ log }: Pick<Scene, 'log'>, from: number, ms: number): number {
  const now = performance.now()
  return log.filter((entry) => {
    const isOpen = entry.ending === 'open'
    const endedAt = isOpen ? now : entry.beganAt + entry.ms
    const isHurt = (!isOpen && entry.ending !== 'ok') || entry.runs > 1 || endedAt - entry.beganAt >= ms
    return endedAt >= from && isHurt
  }).length
}

/** Asks the primary itself, not through the proxy. */
export async function admin(
  { server }: Pick<Stage, 'server'>,
  ...statements: readonly string[]
): Promise<readonly Record<string, unknown>[]> {
  return askServer(server.url, ...statements)
}

export async function askServer(
  url: string,
  ...statements: readonly string[]
): Promise<readonly Record<string, unknown>[]> {
  // A run waits for nothing without a limit, and least of all for a lock that a broken client left behind.
  const limit = { statement_timeout: 10_000, connectionTimeoutMillis: 5000 }
  const client = new pg.Client({ connectionString: url, application_name: 'faults-admin', ...limit })
  client.on('error', () => undefined)
  await client.connect()
  try {
    let rows: readonly Record<string, unknown>[] = []
    for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows
    return rows
  } finally {
    await client.end().catch(() => undefined)
  }
}
