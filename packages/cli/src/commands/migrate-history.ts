import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

const mostRows = 100_000

export const migrateHistory: Command = defineCommand({
  name: 'migrate history',
  group: 'Migrate',
  about: 'What was run, reverted and resolved on the database, the newest first',
  options: {
    limit: { value: 'rows', about: 'Default: 100' },
    ...connectionOptions,
    ...reportOptions,
  },
  async run(asked) {
    const { migrationHistory } = await import('plinth/migrate')
    const { historyReport } = await import('../migrate/reports.ts')
    const limit = asked.whole('limit', mostRows) ?? 100
    return await withDatabase(asked, async ({ database }) => historyReport(await migrationHistory(database, { limit })))
  },
})
