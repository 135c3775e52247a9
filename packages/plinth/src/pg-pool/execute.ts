import type { Connection } from '../driver/connection.ts'
import { loadPg, type PgQuery } from '../driver/peer.ts'

/**
 * Runs one of pg's own queries on a lane with nothing in flight. Settles when the server is ready for the next: only
 * then is its transaction status known. `withinMs`: without an answer by then the connection counts as dead.
 */
export async function executeQuery(
  connection: Connection,
  query: PgQuery,
  limitMs: number,
  withinMs?: number,
): Promise<unknown> {
  const answer = new Promise<unknown>((resolve, reject) => {
    query.callback = (error, result) => (error ? reject(error) : resolve(result))
  })
  answer.catch(() => undefined)
  if (!connection.namesStatements) query.name = undefined
  try {
    await connection.submit(query, limitMs, withinMs)
  } catch (lost) {
    // What pg knows of the end (a FATAL with its SQLSTATE) says more than that the connection is gone.
    return Promise.race([answer, Promise.resolve().then(() => Promise.reject(lost))])
  }
  return answer
}

/** The answer to a statement that was not sent as its caller wrote it. */
export function madeUp(command: string): object {
  return Object.assign(new (loadPg().Result)(), { command })
}

export function plainQuery(text: string): PgQuery {
  return new (loadPg().Query)(text)
}
