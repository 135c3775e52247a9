import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const deadRedrive: Command = defineCommand({
  name: 'dead redrive',
  group: 'Tasks',
  about: 'Give dead letters all of their attempts again: one, those of a name, or all',
  args: ['[id]'],
  options: {
    ...connectionOptions,
    name: { value: 'task', about: 'All of this name' },
    all: { about: 'All' },
    ...reportOptions,
  },
  example: 'plinth dead redrive --name welcome-mail',
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { redrive } = await import('../tasks/redrive.ts')
      return await redrive(database, { id: asked.args[0], name: asked.text('name'), isAll: asked.has('all') })
    }),
})
