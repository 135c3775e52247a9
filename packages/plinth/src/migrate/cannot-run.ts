import { isPlinthError, PlinthError } from '../errors.ts'

/** What PostgreSQL refused of the statements of the entities. There are no rows yet, so all it says may be told. */
export function cannotRun(cause: unknown): unknown {
  if (!isPlinthError(cause) || cause.sqlstate === undefined) return cause
  const reason = cause.server?.message ?? cause.message
  const message = `PostgreSQL refuses what drizzle-kit makes of the entities: ${reason}. In: ${cause.statement ?? ''}`
  return new PlinthError('InvalidMigration', message, { cause, hint: hintFor(cause.sqlstate) })
}

function hintFor(sqlstate: string): string {
  // unsafe_new_enum_value_usage
  if (sqlstate === '55P04') {
    return (
      'No transaction may use a value of an enum that it added: generate a migration with the value alone, and then ' +
      'one that uses it.'
    )
  }
  return (
    'Where the entities are right, write this step by hand (plinth migrate create) and generate again: what it makes ' +
    'is taken into account.'
  )
}
