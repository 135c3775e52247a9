import { removeExpiredSessions } from '@example/database'
import { task } from 'plinth/services'

/** Every ten minutes, in one of the backends, however many run. */
export const tidySessions = task<null>('tidy-sessions', async (_, { db }) => void (await removeExpiredSessions(db)), {
  cron: '*/10 * * * *',
})
