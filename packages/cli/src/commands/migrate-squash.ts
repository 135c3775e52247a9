import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { configOption, folderOptions, namedFolder, namedScratch, numberOf, scratchOptions } from '../migrate/folder.ts'

export const migrateSquash: Command = defineCommand({
  name: 'migrate squash',
  group: 'Migrate',
  about: 'Put migrations in a row together into one, proved to be the same',
  options: {
    from: { value: 'number', about: 'First of them (default: the first there is)' },
    to: { value: 'number', about: 'Last of them (default: the last there is)' },
    name: { value: 'name', about: 'Of the new one (default: squashed)' },
    ...scratchOptions,
    ...folderOptions,
    ...configOption,
    ...reportOptions,
  },
  async run(asked) {
    const { squashMigrations } = await import('plinth/migrate')
    const { loadConfig } = await import('../config/load-config.ts')
    const { showProgress } = await import('../terminal/progress.ts')
    const [from, to] = [asked.text('from'), asked.text('to')]
    const name = asked.text('name')
    const config = await loadConfig(asked.text('config'))
    using progress = showProgress()
    const made = await squashMigrations({
      onProgress: progress.scratch,
      folder: namedFolder(asked, config),
      ...(from === undefined ? {} : { from: numberOf(from) }),
      ...(to === undefined ? {} : { to: numberOf(to) }),
      ...(name === undefined ? {} : { name }),
      ...namedScratch(asked, config),
    })
    const replaces = made.replaces.map(({ id }) => id)
    const text = `${made.id} stands for ${replaces.length} migrations now. A database that has them runs nothing.`
    return { data: { id: made.id, number: made.number, replaces }, text }
  },
})
