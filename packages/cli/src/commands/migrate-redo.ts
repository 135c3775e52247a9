import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { forceOptions } from '../command-line/force.ts'
import { changeOptions, withDestruction } from '../migrate/connected.ts'

export const migrateRedo: Command = defineCommand({
  name: 'migrate redo',
  group: 'Migrate',
  about: 'Revert the last migration and run it again, as its file is by now',
  options: { ...changeOptions, ...forceOptions, ...reportOptions },
  async run(asked) {
    const { redoMigration } = await import('plinth/migrate')
    const { resultReport } = await import('../migrate/reports.ts')
    return await withDestruction(asked, 'redo its last migration', async (database, options) =>
      resultReport(await redoMigration(database, options), 'Nothing to redo.'),
    )
  },
})
