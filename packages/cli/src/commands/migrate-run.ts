import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { changeOptions, withChange, withMigrations } from '../migrate/connected.ts'
import { numberOf } from '../migrate/folder.ts'

export const migrateRun: Command = defineCommand({
  name: 'migrate run',
  group: 'Migrate',
  about: 'Run the migrations that the database does not have yet',
  options: {
    to: { value: 'number', about: 'Last migration to run (default: all)' },
    'dry-run': { about: 'Only say which would be run' },
    'allow-newer': { about: 'Start on a database that a later release has migrated' },
    ...changeOptions,
    ...reportOptions,
  },
  async run(asked) {
    const { planMigrations, runMigrations } = await import('plinth/migrate')
    const { planReport, resultReport } = await import('../migrate/reports.ts')
    const to = asked.text('to')
    const which = { allowNewer: asked.has('allow-newer'), ...(to === undefined ? {} : { to: numberOf(to) }) }
    if (asked.has('dry-run')) {
      return await withMigrations(asked, async (database, folder) =>
        planReport(await planMigrations(database, { folder, ...which }), 'run'),
      )
    }
    return await withChange(asked, async (database, options) =>
      resultReport(
        await runMigrations(database, { ...options, ...which }),
        'Nothing to run: the database has them all.',
      ),
    )
  },
})
