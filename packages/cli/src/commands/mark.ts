import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const mark: Command = defineCommand({
  name: 'mark',
  group: 'Fill and repair',
  about: 'Say what a database is: development, test or production',
  args: ['<environment>'],
  options: { ...connectionOptions, ...reportOptions },
  example: 'plinth mark production --url postgres://owner@db.example.org/shop',
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { markReport } = await import('../fill/mark.ts')
      return await markReport(database, asked.args[0] ?? '')
    }),
})
