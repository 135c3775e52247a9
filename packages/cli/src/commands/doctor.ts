import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const doctor: Command = defineCommand({
  name: 'doctor',
  group: 'Look',
  about: 'What is wrong with this database, on one page',
  options: {
    ...connectionOptions,
    drift: { about: 'Also compare with what the migrations make in an empty PostgreSQL: some seconds' },
    ...reportOptions,
  },
  run: (asked) =>
    withDatabase(asked, async (connected) => {
      const { doctorReport } = await import('../look/doctor.ts')
      return await doctorReport(connected, asked.has('drift'))
    }),
})
