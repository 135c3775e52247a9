import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'
import { folderOptions, namedFolder } from '../migrate/folder.ts'

export const migrateCheck: Command = defineCommand({
  name: 'migrate check',
  group: 'Migrate',
  about: 'Whether the database is what its migrations make, and the entities too',
  options: {
    ...connectionOptions,
    ...folderOptions,
    entities: { value: 'file', about: 'Default: entities in plinth.config.ts; without, they are not compared' },
    scratch: { value: 'url', about: 'Server for the comparison (default: an embedded PostgreSQL)' },
    ...reportOptions,
  },
  run: (asked) =>
    withDatabase(asked, async ({ database, config }) => {
      const [{ check }, { loadEntities }] = await Promise.all([
        import('../migrate/check.ts'),
        import('../config/load-entities.ts'),
      ])
      const [path, scratch] = [asked.text('entities') ?? config.entities, asked.text('scratch')]
      return await check(database, {
        folder: namedFolder(asked, config),
        ...(path !== undefined && { entities: await loadEntities(path) }),
        ...(scratch !== undefined && { scratch }),
      })
    }),
})
