import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { forceOptions } from '../command-line/force.ts'
import { changeOptions, withDestruction, withMigrations } from '../migrate/connected.ts'
import { numberOf } from '../migrate/folder.ts'

export const migrateRevert: Command = defineCommand({
  name: 'migrate revert',
  group: 'Migrate',
  about: 'Undo the last migration, or the last N',
  args: ['[N]'],
  options: {
    'dry-run': { about: 'Only say which would be reverted' },
    ...changeOptions,
    ...forceOptions,
    ...reportOptions,
  },
  async run(asked) {
    const { planRevert, revertMigrations } = await import('plinth/migrate')
    const { planReport, resultReport } = await import('../migrate/reports.ts')
    const steps = numberOf(asked.args[0] ?? '1')
    if (asked.has('dry-run')) {
      return await withMigrations(asked, async (database, folder) =>
        planReport(await planRevert(database, { folder, steps }), 'revert'),
      )
    }
    return await withDestruction(asked, 'revert it', async (database, options) =>
      resultReport(await revertMigrations(database, { ...options, steps }), 'Nothing to revert.'),
    )
  },
})
