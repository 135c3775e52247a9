import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const fixSequences: Command = defineCommand({
  name: 'fix-sequences',
  group: 'Fill and repair',
  about: 'Set sequences past the rows that were loaded with their keys',
  options: {
    ...connectionOptions,
    'dry-run': { about: 'Say which are behind, and change nothing; exit code 3 where there are any' },
    ...reportOptions,
  },
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { sequencesReport } = await import('../inspect/sequences.ts')
      return await sequencesReport(database, asked.has('dry-run'))
    }),
})
