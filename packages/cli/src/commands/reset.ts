import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'
import { forceOptions } from '../command-line/force.ts'

export const reset: Command = defineCommand({
  name: 'reset',
  group: 'Fill and repair',
  about: 'Drop everything in the database, run all migrations, then the seeds',
  options: {
    ...connectionOptions,
    env: { value: 'environment', about: 'Of the seeds: development, test or production (default: development)' },
    ...forceOptions,
    ...reportOptions,
  },
  run: (asked) =>
    withDatabase(asked, async (connected) => {
      const { resetReport } = await import('../fill/reset.ts')
      return await resetReport(connected, asked)
    }),
})
