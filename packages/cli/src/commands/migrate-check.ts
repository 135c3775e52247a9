import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'
import { folderOptions, namedFolder, namedScratch, scratchOptions } from '../migrate/folder.ts'

export const migrateCheck: Command = defineCommand({
  name: 'migrate check',
  group: 'Migrate',
  about: 'Whether the database is what its migrations make, and the entities too',
  options: {
    ...connectionOptions,
    ...folderOptions,
    entities: { value: 'file', about: 'Default: entities in plinth.config.ts; without, they are not compared' },
    ...scratchOptions,
    ...reportOptions,
  },
  run: (asked) =>
    withDatabase(asked, async ({ database, config }) => {
      const [{ check }, { loadEntities }] = await Promise.all([
        import('../migrate/check.ts'),
        import('../config/load-entities.ts'),
      ])
      const path = asked.text('entities') ?? config.entities
      return await check(database, {
        folder: namedFolder(asked, config),
        ...(path !== undefined && { entities: await loadEntities(path) }),
        ...namedScratch(asked, config),
      })
    }),
})
