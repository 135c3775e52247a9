import type { Select } from '../operation/operation.ts'
import { writeStatement } from './context.ts'
import { tableSource } from './fields.ts'
import { selectList } from './outputs.ts'
import type { Statement } from './parameters.ts'
import { readRows } from './read.ts'

/**
 * The SQL of a select that answers each row as one value, its JSON text: what `compileBody` makes an array of. No list
 * in a row has more rows than `maxRows`.
 */
export function compileRowTexts(operation: Select, maxRows: number = Infinity): Statement {
  return writeStatement(operation, { nested: 'json', maxRows }, (context) => {
    const { items, select } = readRows(operation, tableSource(operation.target, context), context)
    const row = context.alias()
    return `select row_to_json(${row}.*)::text as "row" from (${select(selectList(items))}) as ${row}`
  })
}
