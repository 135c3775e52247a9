import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const tasksShow: Command = defineCommand({
  name: 'tasks show',
  group: 'Tasks',
  about: 'One task, with its input and its last error',
  args: ['<id>'],
  options: { ...connectionOptions, ...reportOptions },
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { taskDetails } = await import('../tasks/details.ts')
      return await taskDetails(database, asked.args[0] ?? '')
    }),
})
