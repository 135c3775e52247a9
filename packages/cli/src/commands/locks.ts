import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const locks: Command = defineCommand({
  name: 'locks',
  group: 'Look',
  about: 'Who waits for a lock, and for whom',
  options: { ...connectionOptions, ...reportOptions },
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { locksReport } = await import('../inspect/locks.ts')
      return await locksReport(database)
    }),
})
