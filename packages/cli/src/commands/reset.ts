import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { forceOptions } from '../command-line/force.ts'
import { changeOptions } from '../migrate/connected.ts'
import { seedOptions } from '../seeds/folder.ts'

export const reset: Command = defineCommand({
  name: 'reset',
  group: 'Fill and repair',
  about: 'Drop everything in the database, run all migrations, then the seeds',
  options: { ...changeOptions, ...seedOptions, ...forceOptions, ...reportOptions },
  async run(asked) {
    const { resetReport } = await import('../seeds/reset.ts')
    return await resetReport(asked)
  },
})
