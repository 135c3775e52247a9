import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { changeOptions, withChange } from '../migrate/connected.ts'
import { numberOf } from '../migrate/folder.ts'

export const migrateBaseline: Command = defineCommand({
  name: 'migrate baseline',
  group: 'Migrate',
  about: 'Adopt a database that is there already: its first migration counts as applied',
  options: {
    to: { value: 'number', about: 'Last migration that the database has already (default: the first)' },
    from: { value: 'tool', about: 'Who made it so far: drizzle, prisma, typeorm or node-pg-migrate' },
    table: { value: 'table', about: 'Where that tool notes its migrations, if not where it does by itself' },
    ...changeOptions,
    ...reportOptions,
  },
  example: 'plinth migrate baseline --from prisma',
  async run(asked) {
    const { baselineMigrations, isMigrationTool } = await import('plinth/migrate')
    const { baselineReport } = await import('../migrate/reports.ts')
    const { UsageError } = await import('../command-line/usage-error.ts')
    const [to, from, table] = [asked.text('to'), asked.text('from'), asked.text('table')]
    if (from !== undefined && !isMigrationTool(from)) {
      throw new UsageError(`--from is ${from}; it must be drizzle, prisma, typeorm or node-pg-migrate`)
    }
    return await withChange(asked, async (database, options) => {
      const { baseline, adopted } = await baselineMigrations(database, {
        ...options,
        ...(to === undefined ? {} : { to: numberOf(to) }),
        ...(from === undefined ? {} : { from }),
        ...(table === undefined ? {} : { table }),
      })
      return baselineReport(baseline, adopted, from)
    })
  },
})
