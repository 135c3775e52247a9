import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { configOption, folderOptions, readNamedFolder } from '../migrate/folder.ts'

export const migrateCreate: Command = defineCommand({
  name: 'migrate create',
  group: 'Migrate',
  about: 'An empty migration to be written by hand',
  args: ['<name>'],
  options: { ts: { about: 'In TypeScript instead of SQL' }, ...folderOptions, ...configOption, ...reportOptions },
  example: 'plinth migrate create add_users',
  async run(asked) {
    const { createMigration } = await import('plinth/migrate')
    const { shortPath } = await import('../terminal/text.ts')
    const folder = await readNamedFolder(asked)
    const kind = asked.has('ts') ? 'code' : 'sql'
    const made = await createMigration({ folder, name: asked.args[0] ?? '', kind })
    return { data: { id: made.id, number: made.number, folder: made.folder }, text: shortPath(made.up.file) }
  },
})
