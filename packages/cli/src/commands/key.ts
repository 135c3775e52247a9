import { type Command, defineCommand } from '../command-line/command.ts'

export const key: Command = defineCommand({
  name: 'key',
  group: 'Serve',
  about: 'A new key for a service, and its hash for plinth.config.ts',
  args: ['<name>'],
  options: {},
  async run({ args: [name = ''] }) {
    const { printKey } = await import('../key.ts')
    printKey(name)
  },
})
