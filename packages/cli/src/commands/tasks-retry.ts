import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const tasksRetry: Command = defineCommand({
  name: 'tasks retry',
  group: 'Tasks',
  about: 'Run a task now that waits for its next attempt, or is dead',
  args: ['<id>'],
  options: { ...connectionOptions, ...reportOptions },
  run: (asked) =>
    withDatabase(asked, async ({ database }) => {
      const { retryTask } = await import('plinth/services')
      const [id = ''] = asked.args
      await retryTask(database, id)
      return { data: { id }, text: `Task ${id} is ready for the next free worker.` }
    }),
})
