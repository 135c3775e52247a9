import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Ask, type Contestant, type Connecting, limits } from '../contestant.ts'

const attempts = 3
const retried = /^(40001|40P01|57P0[123]|08\w{3}|ECONNRESET|ECONNREFUSED|EPIPE)$/

/**
 * pg.Pool by hand, as most code bases have it: BEGIN, COMMIT, ROLLBACK in the catch, and running again what failed with
 * a serialization failure, a deadlock or a lost connection, wherever it was lost. An error means: nothing was saved.
 */
export function openPg({ url, service }: Connecting): Contestant {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: service,
    max: limits.connections,
    connectionTimeoutMillis: limits.acquireMs,
    statement_timeout: limits.statementMs,
    lock_timeout: limits.lockMs,
    idle_in_transaction_session_timeout: limits.idleMs,
  })
  pool.on('error', () => undefined)
  // A client that breaks while it is out would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return openOnPool(pool)
}

/** The same code on whatever pool it is given. */
export function openOnPool(pool: pg.Pool): Contestant {
  const ask =
    (runner: pg.Pool | pg.PoolClient): Ask =>
    async (text, values) =>
      (await runner.query<Record<string, unknown>>(text, [...values])).rows
  const attempt: Attempt = async (work, isolation) => {
    const client = await pool.connect()
    try {
      await client.query(`begin${isolation === undefined ? '' : ` isolation level ${isolation}`}`)
      await work(ask(client))
      await client.query('commit')
      client.release()
    } catch (error) {
      const undone = await client.query('rollback').then(
        () => true,
        () => false,
      )
      client.release(!undone)
      throw error
    }
  }
  return {
    single: ask(pool),
    transaction: (work, { isolation }) => again(() => attempt(work, isolation)),
    judge: (error) => ({ ending: 'fail', code: codeOf(error) }),
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

/** Runs a transaction once. */
export type Attempt = (work: (ask: Ask) => Promise<void>, isolation: 'serializable' | undefined) => Promise<void>

export async function again(attempt: () => Promise<void>): Promise<void> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt()
    } catch (error) {
      if (tried === attempts || !retried.test(codeOf(error))) throw error
      await sleep(20 * tried)
    }
  }
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error) return String(error.code)
  return /terminated|closed/.test(error.message) ? 'ECONNRESET' : error.message
}
