import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'
import { folderOptions, scratchOptions } from '../migrate/folder.ts'

export const doctor: Command = defineCommand({
  name: 'doctor',
  group: 'Look',
  about: 'What is wrong with this database, on one page',
  options: {
    ...connectionOptions,
    ...folderOptions,
    entities: { value: 'file', about: 'Default: entities in plinth.config.ts; without, they are not compared' },
    ...scratchOptions,
    'no-drift': { about: 'Do not compare with what the migrations make, which runs them on an empty PostgreSQL' },
    ...reportOptions,
  },
  run: (asked) =>
    withDatabase(asked, async (connected) => {
      const { doctorReport } = await import('../inspect/doctor.ts')
      return await doctorReport(connected, asked)
    }),
})
