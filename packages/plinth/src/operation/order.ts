import { isPlain } from './encode.ts'
import type { KeysetColumn } from './keyset.ts'
import type { Order } from './operation.ts'
import { invalidOperation } from './invalid-operation.ts'
import { columnOf, type Shape } from './shape.ts'
import type { Direction } from './order-types.ts'

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
export function orderOf(shape: Shape, order: unknown): KeysetColumn[] {
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
