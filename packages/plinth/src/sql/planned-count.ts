import { isPlain } from '../operation/encode.ts'
import type { Call, Select } from '../operation/operation.ts'
import { calledRows } from './calls.ts'
import { writeStatement } from './context.ts'
import { tableSource } from './fields.ts'
import type { Statement } from './parameters.ts'
import { matchingRows } from './read.ts'

/**
 * Asks the planner how many rows an operation would read without its limit and offset: a statement of its own, since
 * EXPLAIN cannot stand within another, to be sent with `compileBody` in one trip. Answers one text: see `plannedRows`.
 */
export function compilePlannedCount(operation: Select | Call): Statement {
  return writeStatement(operation, { nested: 'json' }, (context) => {
    const source = operation.kind === 'select' ? tableSource(operation.target, context) : calledRows(operation, context)
    const { columns = 'all', where } = operation
    return `explain (format json) select${matchingRows({ columns, ...(where && { where }) }, source, context)}`
  })
}

/** The planner's number of rows, out of what PostgreSQL answered; undefined when it holds none. */
export function plannedRows(explained: string): number | undefined {
  const plans: unknown = JSON.parse(explained)
  const first: unknown = Array.isArray(plans) ? plans[0] : undefined
  const plan = isPlain(first) ? first['Plan'] : undefined
  const rows = isPlain(plan) ? plan['Plan Rows'] : undefined
  return typeof rows === 'number' ? rows : undefined
}
