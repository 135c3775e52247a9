import { type Command, defineCommand } from '../command-line/command.ts'
import { connectionOptions, withDatabase } from '../command-line/connection.ts'

export const types: Command = defineCommand({
  name: 'types',
  group: 'Develop',
  about: 'TypeScript types of the tables, for table(), Kysely or postgrest-js',
  options: {
    ...connectionOptions,
    for: { value: 'library', about: 'table, kysely or postgrest-js (default: table)' },
    schema: { value: 'names', about: 'With commas between (default: schemas in plinth.config.ts, or public)' },
    out: { value: 'file', about: 'Where to write them (default: standard output)' },
    check: { about: 'Write nothing, and end with exit code 3 when --out holds anything else' },
  },
  example: 'plinth types --for kysely --out src/database-types.ts',
  run: (asked) =>
    withDatabase(asked, async ({ database, config }) => {
      const { typesReport } = await import('../types/write-types.ts')
      const schemas = asked.text('schema')?.split(',') ?? config.schemas ?? ['public']
      const target = { library: asked.text('for') ?? 'table', out: asked.text('out'), isCheck: asked.has('check') }
      return await typesReport(database, schemas, target)
    }),
})
