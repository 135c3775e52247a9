import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** A connection of the test's own, beside the library, that looks at the server and kills backends. */
export interface Activity {
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** Backends of a service. */
  count(service: string): Promise<number>
  /** Resolves with the process id of the backend whose last statement begins so, once there is one that is `state`. */
  backend(query: string, state?: string): Promise<number>
  kill(processId: number): Promise<void>
  close(): Promise<void>
}

export async function watchActivity(url: string): Promise<Activity> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const query: Activity['query'] = async (text, values = []) =>
    (await client.query<Record<string, unknown>>(text, [...values])).rows
  return {
    query,
    count: async (service) => {
      const ours = 'datname = current_database() and application_name = $1'
      const rows = await query(`select count(*)::int as n from pg_stat_activity where ${ours}`, [service])
      return Number(rows[0]?.['n'])
    },
    backend: async (text, state = 'active') => {
      const find = (): Promise<Record<string, unknown>[]> =>
        query(
          `select pid from pg_stat_activity where datname = current_database() and starts_with(query, $1) and state = $2
           and pid <> pg_backend_pid()`,
          [text, state],
        )
      return Number((await until(async () => (await find())[0]))['pid'])
    },
    kill: async (processId) => {
      await query('select pg_terminate_backend($1, 5000)', [processId])
    },
    close: () => client.end(),
  }
}

/** Asks again until there is an answer; for what only another process knows. Fails after 30 s. */
export async function until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + 30_000
  while (performance.now() < deadline) {
    const found = await ask()
    if (found !== undefined && found !== false) return found
    await sleep(10)
  }
  throw new Error('It did not come to be within 30 s.')
}

/** The error a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<Error & { code?: string; cause?: unknown }> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
  throw new Error('It resolved.')
}
