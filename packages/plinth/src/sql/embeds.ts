import { invalidOperation } from '../operation/invalid-operation.ts'
import type { Embed, Field } from '../operation/operation.ts'
import type { Context } from './context.ts'
import { isSameField } from './fields.ts'
import { type Item, numbered, numberedList, selectList, unaggregatedList } from './outputs.ts'
import { quoteName } from './sql.ts'

/** The rows of an embed, ready to be read with any select list. */
export interface Rows {
  readonly items: readonly Item[]
  readonly select: (list: string) => string
}

/** What an embed adds to the statement of its row. */
export interface Embedded {
  /** Of the row's own select list. */
  readonly items: readonly Item[]
  /** Stands behind FROM. */
  readonly join?: string
  /**
   * One of its columns in the joined row, by its name there or else its own; undefined when that is not read as it is.
   */
  readonly column?: (field: Field) => string | undefined
}

export type Form = Pick<Context, 'nested' | 'alias'> & {
  /** The rows of ours are grouped, for which PostgreSQL must be able to compare the value. */
  readonly isGrouped: boolean
}

/** PostgreSQL can compare two values of jsonb and no two of json, which is otherwise as good and keeps its order. */
const comparable = (json: string, { isGrouped }: Form): string => (isGrouped ? `(${json})::jsonb` : json)

/**
 * One row or none: joined, so that the planner may read it in the way that suits all rows of ours together, with a hash
 * where they are many (a sub-select in the select list would look each up alone).
 */
export function oneRow(embed: Embed, rows: Rows, form: Form): Embedded {
  const alias = form.alias()
  const isText = form.nested === 'text'
  const list = isText
    ? ['true as "found"', numberedList(rows.items)].filter(Boolean).join(', ')
    : selectList(rows.items)
  const value = isText ? `case when ${alias}."found" then ${textRow(rows.items, alias)} end` : `row_to_json(${alias}.*)`
  return {
    items: [{ name: embed.as, value: comparable(value, form), isNested: true }],
    join: lateral(embed, rows.select(list), alias),
    column: (of) => {
      const isShown = rows.items[placeOf(rows.items, of)]?.shown !== undefined
      return isText && !isShown ? numberedColumn(rows.items, of, alias) : namedColumn(rows.items, of, alias)
    },
  }
}

/**
 * A list: a sub-select in the select list, which PostgreSQL runs only for the rows that limit leaves. Joined, it would
 * be made for each row before they are sorted.
 */
export function manyRows(embed: Embed, rows: Rows, form: Form): Embedded {
  const alias = form.alias()
  const isText = form.nested === 'text'
  const row = isText ? textRow(rows.items, alias) : `${alias}.*`
  const select = rows.select(isText ? numberedList(rows.items) : selectList(rows.items))
  const value = `coalesce((select json_agg(${row}) from (${select}) as ${alias}), '[]')`
  return { items: [{ name: embed.as, value: comparable(value, form), isNested: true }] }
}

/** The columns of one row among ours; what aggregates them does so over our rows. */
export function spreadOne(embed: Embed, rows: Rows, form: Form): Embedded {
  const alias = form.alias()
  const { items } = rows
  // A star brings columns of any name and number: they are passed on as they are.
  if (items.some(({ name }) => name === undefined))
    return {
      items: [{ value: `${alias}.*` }],
      join: lateral(embed, rows.select(selectList(items)), alias),
      column: (of) => namedColumn(items, of, alias),
    }
  return {
    items: items.map((item, i) => ({ ...item, value: `${alias}.${numbered(i)}` })),
    join: lateral(embed, rows.select(unaggregatedList(items)), alias),
    column: (of) => numberedColumn(items, of, alias),
  }
}

/** A list for each column; all are in the same order. */
export function spreadMany({ as }: Embed, rows: Rows, form: Form): Embedded {
  const [alias, lists] = [form.alias(), form.alias()]
  const { items } = rows
  if (items.some(({ name, aggregate }) => name === undefined || aggregate))
    throw invalidOperation(
      `The rows of ${JSON.stringify(as)} are spread: each column must be named, and none be an aggregate.`,
    )
  const made = items.map((_, i) => `coalesce(json_agg(${alias}.${numbered(i)}), '[]') as ${numbered(i)}`)
  const select = `select ${made.join(', ')} from (${rows.select(numberedList(items))}) as ${alias}`
  return {
    items: items.map(({ name = '' }, i) => ({
      name,
      value: comparable(`${lists}.${numbered(i)}`, form),
      isNested: true,
    })),
    join: ` left join lateral (${select}) as ${lists} on true`,
  }
}

function lateral({ isInner }: Embed, select: string, alias: string): string {
  return ` ${isInner ? 'join' : 'left join'} lateral (${select}) as ${alias} on true`
}

/**
 * A row as text that JavaScript reads by the types of its columns, as it reads rows at the top: PostgreSQL's own text
 * of the row, and behind it the lists and rows that are nested in it.
 */
function textRow(items: readonly Item[], alias: string): string {
  const values = (isNested: boolean): string[] =>
    items.flatMap((item, i) => ((item.isNested ?? false) === isNested ? [`${alias}.${numbered(i)}`] : []))
  return `json_build_array(${[`row(${values(false).join(', ')})::text`, ...values(true)].join(', ')})`
}

function numberedColumn(items: readonly Item[], of: Field, alias: string): string | undefined {
  const i = placeOf(items, of)
  const item = items[i]
  if (item === undefined) return undefined
  const value = `${alias}.${numbered(i)}`
  return item.aggregate ? item.aggregate(value) : value
}

/** A star brings every column. */
function namedColumn(items: readonly Item[], of: Field, alias: string): string | undefined {
  const hasStar = of.path === undefined && items.some(({ name }) => name === undefined)
  if (hasStar) return `${alias}.${quoteName(of.column)}`
  const item = items[placeOf(items, of)]
  return item?.name === undefined || item.shown ? undefined : `${alias}.${quoteName(item.name)}`
}

/**
 * By the name it has there, or else by what it reads. A name that two items have would be ambiguous, and is refused
 * where it was asked for: the column of that name may be one that nobody asked whether it may be read.
 */
function placeOf(items: readonly Item[], of: Field): number {
  const byName = items.findIndex(({ name }) => of.path === undefined && name === of.column)
  const place = byName >= 0 ? byName : items.findIndex((item) => item.field && isSameField(item.field, of))
  const isAlone = items.filter(({ name }) => name === items[place]?.name).length === 1
  if (byName >= 0 && !isAlone)
    throw invalidOperation(`Two columns of the embed are called ${JSON.stringify(of.column)}.`)
  return isAlone ? place : -1
}
