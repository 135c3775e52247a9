import { type Command, defineCommand } from '../command-line/command.ts'
import { configOption, folderOptions, numberOf, readNamedFolder } from '../migrate/folder.ts'

export const migrateScript: Command = defineCommand({
  name: 'migrate script',
  group: 'Migrate',
  about: 'The SQL of a run for psql, with its records; connects to nothing',
  options: {
    after: { value: 'number', about: 'Last migration that the database has (default: none)' },
    to: { value: 'number', about: 'Last migration to run (default: all)' },
    ...folderOptions,
    ...configOption,
  },
  example: 'plinth migrate script --after 7 > deploy.sql && psql -f deploy.sql',
  async run(asked) {
    const { migrationScript } = await import('plinth/migrate')
    const [after, to] = [asked.text('after'), asked.text('to')]
    const script = await migrationScript({
      folder: await readNamedFolder(asked),
      ...(after === undefined ? {} : { after: numberOf(after) }),
      ...(to === undefined ? {} : { to: numberOf(to) }),
    })
    process.stdout.write(script)
  },
})
