import type { CatalogRelation } from 'plinth/operation'
import { type FieldIssue, Refusal } from '../refusal.ts'
import type { Problem } from './column-value.ts'

/** A value that the catalog knows PostgreSQL would refuse. */
export interface KnownIssue {
  readonly field: string
  readonly column: string
  readonly problem: Problem
}

export function entryOf({ field, problem: { code, message } }: KnownIssue): FieldIssue {
  return { field, code, message }
}

/** Values that rules of the configuration refuse, maybe with others. */
export function refusedByRules(fields: readonly FieldIssue[], mayBeOutdated: boolean): Refusal {
  return new Refusal(400, 'PLT422', 'The values are not ones that can be written', {
    details: fields.map(({ field, message }) => `${field} ${message}`).join('; '),
    code: 'InvalidValue',
    isUnknownName: mayBeOutdated,
    fields,
  })
}

const codes = { '23502': 'NotNullViolation', '23514': 'CheckViolation' } as const

/** PostgreSQL's own error of the first of them, made before it is asked; without the row, which it would show. */
export function refusedByCatalog(
  { schema, name }: CatalogRelation,
  { column, problem: { sqlstate, message, constraint } }: KnownIssue,
  fields: readonly FieldIssue[],
): Refusal {
  const isIntegrity = sqlstate === '23502' || sqlstate === '23514'
  const said =
    sqlstate === '23502'
      ? `null value in column "${column}" of relation "${name}" violates not-null constraint`
      : sqlstate === '23514'
        ? `new row for relation "${name}" violates check constraint "${constraint ?? ''}"`
        : `The value of the column "${column}" ${message}`
  const place = {
    schema,
    table: name,
    ...(sqlstate === '23502' && { column }),
    ...(constraint !== undefined && { constraint }),
  }
  return new Refusal(400, sqlstate, said, {
    details: fields.map((one) => `${one.field} ${one.message}`).join('; '),
    code: isIntegrity ? codes[sqlstate] : 'InvalidValue',
    sqlstate,
    isUnknownName: true,
    fields,
    server: { severity: 'ERROR', message: said, ...(isIntegrity && place) },
  })
}
