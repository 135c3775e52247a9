import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const schema: Command = defineCommand({
  name: 'schema',
  group: 'Look',
  about: 'Columns, keys, indexes and references of a table, or of all',
  args: ['[table]'],
  options: { ...connectionOptions, ...reportOptions },
  example: 'plinth schema blog.posts',
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { schemaReport } = await import('../inspect/schema.ts')
      return await schemaReport(database, asked.args[0])
    }),
})
