import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { configOption, folderOptions, numberOf, readNamedFolder } from '../migrate/folder.ts'

export const migrateSquash: Command = defineCommand({
  name: 'migrate squash',
  group: 'Migrate',
  about: 'Put migrations in a row together into one; touches no database',
  options: {
    from: { value: 'number', about: 'First of them (default: the first there is)' },
    to: { value: 'number', about: 'Last of them (default: the last there is)' },
    name: { value: 'name', about: 'Of the new one (default: squashed)' },
    ...folderOptions,
    ...configOption,
    ...reportOptions,
  },
  async run(asked) {
    const { squashMigrations } = await import('plinth/migrate')
    const [from, to, name] = [asked.text('from'), asked.text('to'), asked.text('name')]
    const made = await squashMigrations({
      folder: await readNamedFolder(asked),
      ...(from === undefined ? {} : { from: numberOf(from) }),
      ...(to === undefined ? {} : { to: numberOf(to) }),
      ...(name === undefined ? {} : { name }),
    })
    const replaces = made.replaces.map(({ id }) => id)
    const text = `${made.id} stands for ${replaces.length} migrations now. A database that has them runs nothing.`
    return { data: { id: made.id, number: made.number, replaces }, text }
  },
})
