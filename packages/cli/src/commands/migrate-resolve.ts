import { type Command, defineCommand, reportOptions } from '../command-line/command.ts'
import { UsageError } from '../command-line/usage-error.ts'
import { changeOptions, withChange } from '../migrate/connected.ts'
import { numberOf } from '../migrate/folder.ts'

export const migrateResolve: Command = defineCommand({
  name: 'migrate resolve',
  group: 'Migrate',
  about: 'Record what you did by hand; runs nothing',
  args: ['<number>'],
  options: {
    applied: { about: 'The database has all of this migration' },
    reverted: { about: 'Nothing of it is left' },
    ...changeOptions,
    ...reportOptions,
  },
  example: 'plinth migrate resolve 7 --applied',
  async run(asked) {
    const { resolveMigration } = await import('plinth/migrate')
    const number = numberOf(asked.args[0] ?? '')
    if (asked.has('applied') === asked.has('reverted')) throw new UsageError('give --applied or --reverted')
    const as = asked.has('applied') ? 'applied' : 'reverted'
    await withChange(asked, (database, options) => resolveMigration(database, { ...options, number, as }))
    return { data: { number, as }, text: `Migration ${number} counts as ${as}.` }
  },
})
