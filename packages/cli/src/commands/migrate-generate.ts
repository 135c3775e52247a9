import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { configOption, folderOptions, namedFolder, namedScratch, scratchOptions } from '../migrate/folder.ts'

export const migrateGenerate: Command = defineCommand({
  name: 'migrate generate',
  group: 'Migrate',
  about: 'Write the migration that leads to the entities, proved up and down',
  args: ['<name>'],
  options: {
    entities: { value: 'file', about: 'Module with the Drizzle tables (default: entities in plinth.config.ts)' },
    rename: { value: 'old=new', about: 'users.name=users.full_name, or users=people; may be given again' },
    drop: { value: 'name', about: 'users.name, or users: may go, with what is in it; may be given again' },
    using: { value: 'column=sql', about: 'Value of users.age in rows that are there; may be given again' },
    'using-down': { value: 'column=sql', about: 'The same for the way back' },
    ...scratchOptions,
    ...folderOptions,
    ...configOption,
    ...reportOptions,
  },
  example: 'plinth migrate generate full_name --rename users.name=users.full_name',
  run: async (asked) => {
    const [{ loadConfig }, { loadEntities, namedEntities }, { generate }, { readAnswers }] = await Promise.all([
      import('../config/load-config.ts'),
      import('../config/load-entities.ts'),
      import('../migrate/generate.ts'),
      import('../migrate/answers.ts'),
    ])
    const config = await loadConfig(asked.text('config'))
    const entities = await loadEntities(namedEntities(asked.text('entities'), config))
    const { listenForStop } = await import('../terminal/stop.ts')
    return await generate(
      {
        signal: listenForStop(),
        folder: namedFolder(asked, config),
        name: asked.args[0] ?? '',
        entities,
        ...readAnswers({
          renames: asked.texts('rename'),
          drops: asked.texts('drop'),
          using: asked.texts('using'),
          usingDown: asked.texts('using-down'),
        }),
        ...namedScratch(asked, config),
      },
      { mayAsk: !asked.has('json') && process.stdin.isTTY && process.stdout.isTTY },
    )
  },
})
