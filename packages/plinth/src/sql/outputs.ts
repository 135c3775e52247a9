import { invalidOperation } from '../operation/invalid-operation.ts'
import type { Aggregate, CountOutput, Field, Output, Outputs } from '../operation/operation.ts'
import { isColumn, isEmbed } from '../operation/output.ts'
import { castType } from './casts.ts'
import { listed } from './closed-lists.ts'
import type { Context } from './context.ts'
import { field, relation } from './fields.ts'
import { quoteName } from './sql.ts'

/** One thing a row is read for. */
export interface Item {
  /** Its name in the result; absent for a star, which brings its own. */
  readonly name?: string
  /** Of one row. */
  readonly value: string
  /** Of all rows that are alike in the items without it. */
  readonly aggregate?: (value: string) => string
  /** How the value is shown; it is grouped and ordered by as it is. */
  readonly shown?: (value: string) => string
  /** A list or object of its own, in json. */
  readonly isNested?: true
  /** The column it is, where it is nothing but that, or is only shown in another form. */
  readonly field?: Field
}

const functions: Readonly<Record<Aggregate['name'], string>> = {
  avg: 'avg',
  count: 'count',
  max: 'max',
  min: 'min',
  sum: 'sum',
}

const cast = (value: string, type: string | undefined): string =>
  type === undefined ? value : `${value}::${castType(type)}`

/** A column, a place in its json, or what an aggregate makes of either. */
export function columnItem(output: Output, alias: string, { bind }: Context): Item {
  const { column, as, format, aggregate } = output
  const place = field(output, alias, bind)
  const show = (of: string): string => cast(format ? `${relation(format)}(${of})` : of, output.cast)
  if (format && aggregate === undefined) return { name: as ?? column, value: place, shown: show, field: output }
  const value = show(place)
  if (aggregate === undefined) return { name: as ?? column, value, ...(output.cast === undefined && { field: output }) }
  const { name, cast: type } = aggregate
  return { name: as ?? name, value, aggregate: (rows) => cast(`${listed(functions, name)}(${rows})`, type) }
}

/** The value of a row that is only counted; `count(*)` needs none. */
const counted = 'true'

export function countItem({ as = 'count', cast: type }: CountOutput): Item {
  return { name: as, value: counted, aggregate: (rows) => cast(`count(${rows === counted ? '*' : rows})`, type) }
}

/** Whether rows that are alike become one: an aggregate of a row spread among ours is ours. */
export function isGrouped(columns: Outputs): boolean {
  if (columns === 'all') return false
  return columns.some((output) => {
    if (isColumn(output)) return output.aggregate !== undefined
    return !isEmbed(output) || (output.isSpread === true && output.rows === 'one' && isGrouped(output.columns))
  })
}

/** The select list in which each item has its final name. */
export function selectList(items: readonly Item[]): string {
  return items.map(selected).join(', ')
}

function selected(item: Item): string {
  const value = finished(item)
  if (item.name === undefined) return value
  const name = quoteName(item.name)
  return value.endsWith(`.${name}`) ? value : `${value} as ${name}`
}

/** The select list in which items stand under their number, for whoever takes them up one by one. */
export function numberedList(items: readonly Item[]): string {
  return items.map((item, i) => `${finished(item)} as ${numbered(i)}`).join(', ')
}

/**
 * The same of single rows as they are: what is an aggregate, or shown in another form, becomes so where they are taken
 * up.
 */
export function unaggregatedList(items: readonly Item[]): string {
  return items.map(({ value }, i) => `${value} as ${numbered(i)}`).join(', ')
}

export const finished = ({ value, aggregate = asItIs, shown = asItIs }: Item): string => shown(aggregate(value))
const asItIs = (value: string): string => value

export const numbered = (i: number): string => `"c${i + 1}"`

/**
 * ` group by 1, 3`: by place, since a bound value written twice is not the same expression to PostgreSQL. The form in
 * which a value is shown may be json, of which PostgreSQL cannot compare two.
 */
export function groupClause(items: readonly Item[]): string {
  if (!items.some(({ aggregate }) => aggregate)) return ''
  if (items.some(({ name }) => name === undefined))
    throw invalidOperation('Beside an aggregate every column must be named.')
  const places = items.flatMap(({ aggregate, shown, value }, i) => (aggregate ? [] : [shown ? value : String(i + 1)]))
  return places.length === 0 ? '' : ` group by ${places.join(', ')}`
}
