import type { Call, Count, Operation, Select } from '../operation/operation.ts'
import { calledRows, invocation } from './calls.ts'
import { type Context, writeStatement } from './context.ts'
import { field, tableSource } from './fields.ts'
import { nestedTypes } from './nested-types.ts'
import { selectList } from './outputs.ts'
import type { Statement } from './parameters.ts'
import { type Level, limitClause, limited, matchingRows, readRows } from './read.ts'
import { carried, plainReturning } from './returned.ts'
import { type Write, type Written, writeRows } from './writes.ts'

export type { Statement } from './parameters.ts'

/**
 * The SQL of an operation. Pure. Names are quoted, values are bound, and everything else comes from closed lists, so
 * the text depends on the operation's shape alone. No list that it reads has more than `maxRows` rows.
 *
 * Throws InvalidOperation.
 */
export function compile(operation: Operation, maxRows: number = Infinity): Statement {
  return writeStatement(operation, { nested: 'text', maxRows }, (context) => {
    switch (operation.kind) {
      case 'select':
        return select(operation, context)
      case 'count':
        return count(operation, context)
      case 'call':
        return call(operation, context)
      default:
        return write(operation, context)
    }
  })
}

function select(operation: Select, context: Context): string {
  const source = tableSource(operation.target, context)
  const { order = [], result } = operation
  // The cursor of a page is made of its ordering columns, read a second time behind the caller's.
  const cursor = typeof result === 'object' ? order.map((term) => field(term, source.alias, context.bind)) : []
  return textRows(limited(operation, context), source, context, cursor)
}

function textRows(
  level: Level,
  source: Parameters<typeof readRows>[1],
  context: Context,
  cursor: readonly string[] = [],
): string {
  const { items, select } = readRows(level, source, context)
  const list = [...(items.length === 0 ? [] : [selectList(items)]), ...nestedTypes(level.columns, context), ...cursor]
  return select(list.join(', '))
}

function count({ target, columns = [], where }: Count, context: Context): string {
  const level = { columns, ...(where && { where }) }
  return `select count(*)${matchingRows(level, tableSource(target, context), context)}`
}

function call(operation: Call, context: Context): string {
  const { result, columns, where, order, limit, offset } = operation
  // A row as one value would show every column of it.
  if (columns === undefined && (result === 'value' || result === 'none'))
    return `select ${invocation(operation, context)}`
  const isAsItIs = [columns, where, order, limit, offset].every((part) => part === undefined)
  const most = limited({ ...operation, columns: columns ?? 'all' }, context)
  if (isAsItIs) return `select * from ${invocation(operation, context)}${limitClause(most, context)}`
  return textRows(most, calledRows(operation, context), context)
}

function write(operation: Write, context: Context): string {
  const { returning, order } = operation
  if (returning === undefined) return assemble(writeRows(operation, undefined, context))
  const plain = plainReturning(operation, context)
  if (plain) return assemble(writeRows(operation, plain, context))
  const rows = context.named('written')
  const carries = carried(operation)
  const { with: expressions, main } = writeRows(operation, carries.returning, context)
  const level = { columns: returning, ...(order && { order }) }
  const read = textRows(level, carries.source(rows, context), context)
  return assemble({ with: [...expressions, `${rows} as (${main})`], main: read })
}

function assemble({ with: expressions, main }: Written): string {
  return expressions.length === 0 ? main : `with ${expressions.join(', ')} ${main}`
}
