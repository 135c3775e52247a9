import { decodeCursor } from './cursor.ts'
import { rowsAfter } from './keyset.ts'
import type { Outputs, Select } from './operation.ts'
import { orderOf, withoutNotNull } from './order.ts'
import { withEmbeds } from './output.ts'
import { invalidOperation } from './invalid-operation.ts'
import type { Shape } from './shape.ts'
import type { PageOptions } from './table-types.ts'
import { all, type Asked } from './where.ts'

/** One page by keyset: the key ends the order, so that no two rows are equal in it. */
export function pageOf(
  shape: Shape,
  { where, embeds }: Asked,
  columns: Outputs,
  { order = [], size, after }: Omit<PageOptions<Record<string, unknown>, string>, 'select'>,
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
    columns: withEmbeds(columns, embeds),
    ...(parts.length > 0 && { where: all(parts) }),
    order: plain,
    limit: size + 1,
    result: { size, cursorColumns: plain.length },
  }
}
