import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'
import { forceOptions } from '../command-line/force.ts'

export const mark: Command = defineCommand({
  name: 'mark',
  group: 'Fill and repair',
  about: 'Say what a database is: development, test or production',
  args: ['<environment>'],
  options: { ...connectionOptions, ...forceOptions, ...reportOptions },
  example: 'plinth mark production --url postgres://owner@db.example.org/shop',
  run: (asked) =>
    withDatabase(asked, async (connected) => {
      const { markReport } = await import('../seeds/mark.ts')
      return await markReport(connected, asked)
    }),
})
