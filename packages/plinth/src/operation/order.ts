import { decodeCursor } from './cursor.ts'
import { isPlain } from './encode.ts'
import { type KeysetColumn, rowsAfter } from './keyset.ts'
import type { Condition, Order, Select } from './operation.ts'
import { columnOf, invalidOperation, outputsOf, type Shape } from './shape.ts'
import type { Direction } from './order-types.ts'
import type { PageOptions } from './table-types.ts'
import { all } from './where.ts'

const directions: Readonly<Record<Direction, Omit<Order, 'column'>>> = {
  asc: {},
  desc: { direction: 'desc' },
  'asc nulls first': { nulls: 'first' },
  'asc nulls last': { nulls: 'last' },
  'desc nulls first': { direction: 'desc', nulls: 'first' },
  'desc nulls last': { direction: 'desc', nulls: 'last' },
}

function isDirection(value: unknown): value is Direction {
  return typeof value === 'string' && Object.hasOwn(directions, value)
}

/** Reads the caller's `order`. */
export function orderOf(shape: Shape, order: readonly unknown[]): KeysetColumn[] {
  if (!Array.isArray(order)) throw invalidOperation("`order` is a list: ['title', { createdAt: 'desc' }].")
  return order.map((item) => orderItem(shape, item))
}

function orderItem(shape: Shape, item: unknown): KeysetColumn {
  const [entry, second] = typeof item === 'string' ? [[item, 'asc']] : isPlain(item) ? Object.entries(item) : []
  if (entry === undefined || second !== undefined)
    throw invalidOperation('Each item of `order` is a column or { column: direction }, one column each.')
  const [key, direction] = entry
  const { name, notNull } = columnOf(shape, String(key))
  if (!isDirection(direction))
    throw invalidOperation(`The direction of ${JSON.stringify(key)} is none of: ${Object.keys(directions).join(', ')}.`)
  return { column: name, notNull, ...directions[direction] }
}

export const withoutNotNull = ({ notNull: _, ...order }: KeysetColumn): Order => order

/** One page by keyset: the key ends the order, so that no two rows are equal in it. */
export function pageOf<Row>(
  shape: Shape,
  where: Condition | undefined,
  { select, order = [], size, after }: PageOptions<Row, keyof Row & string>,
): Select {
  if (!Number.isSafeInteger(size) || size < 1)
    throw invalidOperation('`size` is the number of rows of a page, at least 1.')
  if (shape.key.length === 0)
    throw invalidOperation(`${shape.target.name} has no primary key, so its pages have no order.`)
  const asked = orderOf(shape, order)
  const key = orderOf(shape, shape.key).filter(({ column }) => !asked.some((item) => item.column === column))
  const keyset = [...asked, ...key]
  const plain = keyset.map(withoutNotNull)
  const start = after === undefined ? undefined : rowsAfter(keyset, decodeCursor(plain, after))
  const parts = [where, start].filter((part) => part !== undefined)
  return {
    kind: 'select',
    target: shape.target,
    columns: outputsOf(shape, select),
    ...(parts.length > 0 && { where: all(parts) }),
    order: plain,
    limit: size + 1,
    result: { size, cursorColumns: plain.length },
  }
}
