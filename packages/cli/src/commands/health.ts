import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, waitMs, withUnconnected } from '../command-line/connection.ts'

export const health: Command = defineCommand({
  name: 'health',
  group: 'Look',
  about: 'Whether the database can be reached and written',
  options: { ...connectionOptions, ...reportOptions },
  run: (asked) =>
    withUnconnected(asked, async ({ database }) => {
      const { healthReport } = await import('../inspect/health.ts')
      return await healthReport(database, waitMs(asked))
    }),
})
