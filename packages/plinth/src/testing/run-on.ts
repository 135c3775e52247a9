import { createDatabase } from '../database/database.ts'
import type { Session } from '../database/queryable.ts'

const connectDeadlineMs = 10_000

/** Runs `work` on a connection of its own, closed afterwards. */
export async function runOn<R>(url: string, work: (session: Session) => Promise<R>): Promise<R> {
  await using database = createDatabase({ url, service: 'plinth-testing', pool: { max: 1 } })
  await database.connect({ deadlineMs: connectDeadlineMs })
  await using session = await database.session()
  return await work(session)
}
