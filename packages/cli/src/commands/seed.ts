import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'
import { forceOptions } from '../command-line/force.ts'
import { seedOptions } from '../seeds/folder.ts'

export const seed: Command = defineCommand({
  name: 'seed',
  group: 'Fill and repair',
  about: 'Run the seeds that this database has not had',
  options: {
    ...connectionOptions,
    ...seedOptions,
    ...forceOptions,
    ...reportOptions,
  },
  example: 'plinth seed --env test',
  run: (asked) =>
    withDatabase(asked, async (connected) => {
      const { seedReport } = await import('../seeds/seed.ts')
      return await seedReport(connected, asked)
    }),
})
