import type { CursorValues } from './cursor.ts'
import type { Condition, Order } from './operation.ts'

export interface KeysetColumn extends Order {
  /** False also where it is not known. */
  readonly notNull: boolean
}

/**
 * The rows after a given one in an order of several columns, each in its own direction and with nulls where the order
 * puts them: `a > $1 or (a = $1 and b < $2) or …`. A row comparison `(a, b) > ($1, $2)` could do neither.
 */
export function rowsAfter(order: readonly KeysetColumn[], values: CursorValues): Condition {
  const later: Condition[] = []
  const same: Condition[] = []
  order.forEach((column, i) => {
    const value = values[i] ?? null
    const beyond = isBeyond(column, value)
    if (beyond) later.push(same.length === 0 ? beyond : { kind: 'and', of: [...same, beyond] })
    same.push(isSame(column, value))
  })
  const [first] = order
  const [alternative] = later
  if (first === undefined || alternative === undefined) return { kind: 'in', column: first?.column ?? '', values: [] }
  const after: Condition = later.length === 1 ? alternative : { kind: 'or', of: later }
  const start = startsAt(first, values[0] ?? null)
  return start && later.length > 1 ? { kind: 'and', of: [start, after] } : after
}

/** Says again what `or` implies, in the one form for which PostgreSQL starts an index scan at the right place. */
function startsAt(column: KeysetColumn, value: string | null): Condition | undefined {
  if (value === null || !(column.notNull || nullsFirst(column))) return undefined
  return { kind: 'compare', column: column.column, operator: column.direction === 'desc' ? 'lte' : 'gte', value }
}

function isBeyond(column: KeysetColumn, value: string | null): Condition | undefined {
  const name = column.column
  if (value === null) return nullsFirst(column) ? { kind: 'is', column: name, value: 'not_null' } : undefined
  const operator = column.direction === 'desc' ? 'lt' : 'gt'
  const further: Condition = { kind: 'compare', column: name, operator, value }
  if (column.notNull || nullsFirst(column)) return further
  return { kind: 'or', of: [further, { kind: 'is', column: name, value: 'null' }] }
}

function isSame({ column }: KeysetColumn, value: string | null): Condition {
  return value === null ? { kind: 'is', column, value: 'null' } : { kind: 'compare', column, operator: 'eq', value }
}

/** PostgreSQL takes null for the largest value, so a descending order begins with it. */
function nullsFirst({ nulls, direction }: KeysetColumn): boolean {
  return nulls === undefined ? direction === 'desc' : nulls === 'first'
}
