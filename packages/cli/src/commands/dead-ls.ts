import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const deadLs: Command = defineCommand({
  name: 'dead ls',
  group: 'Tasks',
  about: 'Dead letters: tasks that failed for good, and why; exit code 3 where there are any',
  options: {
    ...connectionOptions,
    name: { value: 'task', about: 'Only of this name' },
    limit: { value: 'number', about: 'How many at most (default: 50)' },
    ...reportOptions,
  },
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { deadList } = await import('../tasks/list.ts')
      return await deadList(database, { name: asked.text('name'), limit: asked.whole('limit') })
    }),
})
