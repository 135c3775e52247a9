import type { CatalogFunction, CatalogRelation } from 'plinth/operation'
import { Refusal } from '../refusal.ts'

/** A name that the catalog does not hold, said as PostgREST and PostgreSQL say it. */

export function unknownRelation(schema: string, name: string): Refusal {
  return new Refusal(404, 'PGRST205', `Could not find the table '${schema}.${name}' in the schema cache`, {
    code: 'UndefinedObject',
    sqlstate: '42P01',
    isUnknownName: true,
  })
}

/** In select, filter, order, returning and conflict target: PostgreSQL's own error, made before it is asked. */
export function unknownColumn(relation: CatalogRelation, name: string): Refusal {
  return new Refusal(400, '42703', `column ${relation.name}.${name} does not exist`, {
    code: 'UndefinedObject',
    sqlstate: '42703',
    isUnknownName: true,
  })
}

/** In a row to write or in `columns`. */
export function unknownWriteColumn(relation: CatalogRelation, name: string): Refusal {
  const message = `Could not find the '${name}' column of '${relation.name}' in the schema cache`
  return new Refusal(400, 'PGRST204', message, { code: 'UndefinedObject', sqlstate: '42703', isUnknownName: true })
}

export function unknownFunction(schema: string, name: string, args: readonly string[]): Refusal {
  const suffix = args.length === 0 ? ' without parameters' : `(${args.join(', ')})`
  return new Refusal(404, 'PGRST202', `Could not find the function ${schema}.${name}${suffix} in the schema cache`, {
    details:
      `Searched for the function ${schema}.${name} ${described(args)}, ` +
      'but no matches were found in the schema cache.',
    code: 'UndefinedObject',
    sqlstate: '42883',
    isUnknownName: true,
  })
}

function described(args: readonly string[]): string {
  if (args.length === 0) return 'without parameters'
  return `with parameter${args.length > 1 ? 's' : ''} ${args.join(', ')}`
}

export function ambiguousFunction(candidates: readonly CatalogFunction[]): Refusal {
  const listed = candidates.map(
    (one) => `${one.schema}.${one.name}(${one.args.map((arg) => `${arg.name} => ${arg.type}`).join(', ')})`,
  )
  return new Refusal(300, 'PGRST203', `Could not choose the best candidate function between: ${listed.join(', ')}`, {
    hint: 'Try renaming the parameters or the function itself in the database so function overloading can be resolved',
    code: 'InvalidOperation',
  })
}
