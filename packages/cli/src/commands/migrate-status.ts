import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { statusOptions, withMigrations } from '../migrate/connected.ts'

export const migrateStatus: Command = defineCommand({
  name: 'migrate status',
  group: 'Migrate',
  about: 'Which migrations the database has; exit code 3 unless it has them all',
  options: { ...statusOptions, ...reportOptions },
  async run(asked) {
    const { migrationStatus } = await import('plinth/migrate')
    const { statusReport } = await import('../migrate/reports.ts')
    return await withMigrations(asked, async (database, folder) =>
      statusReport(await migrationStatus(database, { folder })),
    )
  },
})
