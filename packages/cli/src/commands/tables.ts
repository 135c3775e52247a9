import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const tables: Command = defineCommand({
  name: 'tables',
  group: 'Look',
  about: 'Tables and views with their sizes',
  options: {
    ...connectionOptions,
    schema: { value: 'names', about: 'With commas between (default: all)' },
    ...reportOptions,
  },
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { tablesReport } = await import('../inspect/tables.ts')
      return await tablesReport(database, asked.text('schema')?.split(','))
    }),
})
