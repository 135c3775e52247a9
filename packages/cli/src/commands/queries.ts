import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const queries: Command = defineCommand({
  name: 'queries',
  group: 'Look',
  about: 'What the other connections run, the longest first',
  options: {
    ...connectionOptions,
    over: { value: 'seconds', about: 'Only what runs for longer, or is idle in a transaction (default: 0)' },
    ...reportOptions,
  },
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { queriesReport } = await import('../inspect/queries.ts')
      return await queriesReport(database, (asked.whole('over') ?? 0) * 1000)
    }),
})
