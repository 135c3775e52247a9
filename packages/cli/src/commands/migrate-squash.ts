import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { configOption, folderOptions, numberOf, readNamedFolder } from '../migrate/folder.ts'

export const migrateSquash: Command = defineCommand({
  name: 'migrate squash',
  group: 'Migrate',
  about: 'Put migrations in a row together into one, proved to be the same',
  options: {
    from: { value: 'number', about: 'First of them (default: the first there is)' },
    to: { value: 'number', about: 'Last of them (default: the last there is)' },
    name: { value: 'name', about: 'Of the new one (default: squashed)' },
    scratch: { value: 'url', about: 'Server for the proof (default: an embedded PostgreSQL)' },
    ...folderOptions,
    ...configOption,
    ...reportOptions,
  },
  async run(asked) {
    const { squashMigrations } = await import('plinth/migrate')
    const [from, to] = [asked.text('from'), asked.text('to')]
    const [name, scratch] = [asked.text('name'), asked.text('scratch')]
    const made = await squashMigrations({
      folder: await readNamedFolder(asked),
      ...(from === undefined ? {} : { from: numberOf(from) }),
      ...(to === undefined ? {} : { to: numberOf(to) }),
      ...(name === undefined ? {} : { name }),
      ...(scratch === undefined ? {} : { scratch }),
    })
    const replaces = made.replaces.map(({ id }) => id)
    const text = `${made.id} stands for ${replaces.length} migrations now. A database that has them runs nothing.`
    return { data: { id: made.id, number: made.number, replaces }, text }
  },
})
