import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const tasksLs: Command = defineCommand({
  name: 'tasks ls',
  group: 'Tasks',
  about: 'Background tasks, the newest first',
  options: {
    ...connectionOptions,
    name: { value: 'task', about: 'Only of this name' },
    state: {
      value: 'states',
      about: 'waiting, ready, running, done, dead, with commas between (default: all but done)',
    },
    limit: { value: 'number', about: 'How many at most (default: 50)' },
    ...reportOptions,
  },
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { taskList } = await import('../tasks/list.ts')
      return await taskList(database, {
        name: asked.text('name'),
        states: asked.text('state')?.split(','),
        limit: asked.whole('limit'),
      })
    }),
})
