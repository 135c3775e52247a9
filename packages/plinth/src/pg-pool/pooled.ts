import type { Connection } from '../driver/connection.ts'
import type { StepAnswer } from '../driver/exchange.ts'
import { setLocally } from '../sql/set-locally.ts'

/** What a session has from its login, a transaction behind a pooler gets right behind its BEGIN. */
export async function settleIn(connection: Connection, limitMs: number): Promise<readonly StepAnswer[] | undefined> {
  const { pooler } = connection
  return pooler && connection.run([setLocally(Object.entries(pooler.settings))], limitMs).catch(() => undefined)
}

/**
 * A statement outside a transaction has no time limit on the server behind a pooler, so it is cancelled from here. The
 * returned function stops the clock, and waits for a cancel that is on its way: it must not hit the next statement.
 */
export function limitAlone(connection: Connection, limitMs: number): () => Promise<void> {
  if (!connection.pooler || connection.status !== 'I') return () => Promise.resolve()
  let cancelling: Promise<void> = Promise.resolve()
  const timer = setTimeout(() => {
    cancelling = connection.cancel()
  }, limitMs)
  return () => {
    clearTimeout(timer)
    return cancelling
  }
}
