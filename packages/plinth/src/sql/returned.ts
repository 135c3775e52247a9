import type { Order, Outputs, Relation } from '../operation/operation.ts'
import { isColumn, isEmbed } from '../operation/output.ts'
import type { Context, Source } from './context.ts'
import { namedSource } from './fields.ts'
import { columnItem, selectList } from './outputs.ts'
import { rowType } from './row-type.ts'
import { quoteName } from './sql.ts'
import type { Returning, Write } from './writes.ts'

/** Rows that a write carries out of itself, so that they can be read like those of a table. */
export interface Carried {
  readonly returning: NonNullable<Returning>
  readonly source: (rows: string, context: Context) => Source
}

/** What RETURNING itself can say; undefined when that needs a reading of its own over the written rows. */
export function plainReturning({ returning, order = [] }: Write, context: Context): Returning {
  if (returning === undefined || returning.length === 0) return () => '1'
  if (order.length > 0) return undefined
  if (returning === 'all') return (alias) => `${alias}.*`
  if (!returning.every((output) => isColumn(output) && output.aggregate === undefined)) return undefined
  const columns = returning.filter(isColumn)
  return (alias) => selectList(columns.map((output) => columnItem(output, alias, context)))
}

/** The columns that the reading needs, and no others: the role may not be allowed to see those. */
export function carried({ target, returning = [], order = [] }: Write): Carried {
  const needed = returning === 'all' ? undefined : neededColumns(returning, order)
  if (needed === undefined) return wholeRows(target)
  const columns = [...needed]
  return {
    returning: (alias) =>
      columns.length === 0 ? '1' : columns.map((column) => `${alias}.${quoteName(column)}`).join(', '),
    source: (rows, { alias }) => namedSource(rows, alias()),
  }
}

/** Undefined: the whole row, which a function of it takes. */
function neededColumns(returning: Exclude<Outputs, 'all'>, order: readonly Order[]): ReadonlySet<string> | undefined {
  const needed = new Set<string>()
  for (const { column, embed } of order) if (embed === undefined) needed.add(column)
  for (const output of returning) {
    if (isColumn(output)) needed.add(output.column)
    if (!isEmbed(output)) continue
    if (output.join.kind === 'function') return undefined
    for (const [ours] of output.join.on) needed.add(ours)
  }
  return needed
}

/** The row as one value of the table's row type: only of that type do functions of the row take it. */
function wholeRows(target: Relation): Carried {
  return {
    returning: (alias) => `(${alias}.*)::${rowType(target)} as "row"`,
    source: (rows, context) => {
      const alias = context.alias()
      const row = `${alias}."row"`
      return { from: `${rows} as ${alias}`, alias: `(${row})`, row, star: `(${row}).*` }
    },
  }
}
