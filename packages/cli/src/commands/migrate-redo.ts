import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { changeOptions, withChange } from '../migrate/connected.ts'

export const migrateRedo: Command = defineCommand({
  name: 'migrate redo',
  group: 'Migrate',
  about: 'Revert the last migration and run it again, as its file is by now',
  options: { ...changeOptions, ...reportOptions },
  async run(asked) {
    const { redoMigration } = await import('plinth/migrate')
    const { resultReport } = await import('../migrate/reports.ts')
    return await withChange(asked, async (database, options) =>
      resultReport(await redoMigration(database, options), 'Nothing to redo.'),
    )
  },
})
