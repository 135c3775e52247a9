import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'
import { forceOptions } from '../command-line/force.ts'

export const seed: Command = defineCommand({
  name: 'seed',
  group: 'Fill and repair',
  about: 'Run the seeds that this database has not had',
  options: {
    ...connectionOptions,
    env: { value: 'environment', about: 'development, test or production (default: development)' },
    folder: { value: 'folder', about: 'Default: seeds in plinth.config.ts, or seeds' },
    ...forceOptions,
    ...reportOptions,
  },
  example: 'plinth seed --env test',
  run: (asked) =>
    withDatabase(asked, async (connected) => {
      const { seedReport } = await import('../fill/seed.ts')
      return await seedReport(connected, asked)
    }),
})
