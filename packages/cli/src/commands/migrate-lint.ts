import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'
import { folderOptions, readNamedFolder } from '../migrate/folder.ts'

export const migrateLint: Command = defineCommand({
  name: 'migrate lint',
  group: 'Migrate',
  about: 'What migrations would do to a database in use: locks, drops, required columns',
  options: {
    ...folderOptions,
    pending: { about: 'Only those that the database does not have yet' },
    exclude: { value: 'rule', about: 'A rule of squawk that is not asked; may be given again' },
    ...connectionOptions,
    ...reportOptions,
  },
  run: async (asked) => {
    const [{ lint }, { planMigrations, readMigrations }] = await Promise.all([
      import('../migrate/lint.ts'),
      import('plinth/migrate'),
    ])
    const folder = await readNamedFolder(asked)
    const migrations = asked.has('pending')
      ? await withDatabase(asked, ({ database }) => planMigrations(database, { folder }))
      : await readMigrations(folder)
    return await lint(migrations, asked.texts('exclude'))
  },
})
