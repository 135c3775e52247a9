import { PlinthError } from '../errors.ts'
import type { CompareOperator, Condition, Field, Order, Outputs, Relation } from '../operation/operation.ts'
import { isColumn } from '../operation/output.ts'
import { arrayText } from '../operation/array-text.ts'
import { castType } from './casts.ts'
import type { Bind } from './parameters.ts'
import { quoteName } from './sql.ts'

/** The pieces every kind of statement is made of. */

export function relation({ schema, name }: Relation): string {
  return schema === undefined ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`
}

/** `"id", "created_at" as "createdAt", "price"::text as "price"`. An empty list is legal SQL: rows without columns. */
export function outputs(columns: Outputs): string {
  return columns === 'all' ? '*' : columns.map(output).join(', ')
}

function output(one: Exclude<Outputs, 'all'>[number]): string {
  if (!isColumn(one) || one.aggregate || one.path)
    throw invalid('Embeds, aggregates and json places are not compiled yet.')
  const { column, as = column, cast } = one
  const value = cast === undefined ? quoteName(column) : `${quoteName(column)}::${castType(cast)}`
  // A cast gets its name too: PostgreSQL names some casts after the type.
  return as === column && cast === undefined ? value : `${value} as ${quoteName(as)}`
}

/** ` where …`, or nothing. */
export function whereClause(where: Condition | 'every row' | undefined, bind: Bind): string {
  return where === undefined || where === 'every row' ? '' : ` where ${condition(where, bind)}`
}

const comparisons: Readonly<Record<CompareOperator, string>> = {
  eq: '=',
  neq: '<>',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  like: 'like',
  ilike: 'ilike',
  match: '~',
  imatch: '~*',
  isdistinct: 'is distinct from',
  cs: '@>',
  cd: '<@',
  ov: '&&',
  sl: '<<',
  sr: '>>',
  nxr: '&<',
  nxl: '&>',
  adj: '-|-',
}

const truths = {
  null: 'null',
  not_null: 'not null',
  true: 'true',
  false: 'false',
  unknown: 'unknown',
} as const

function condition(where: Condition, bind: Bind): string {
  switch (where.kind) {
    case 'and':
    case 'or':
      // An empty list would be true or false for every row: in a DELETE that is the whole table.
      if (where.of.length === 0) throw invalid(`A condition "${where.kind}" needs at least one part.`)
      return `(${where.of.map((part) => condition(part, bind)).join(` ${where.kind} `)})`
    case 'not':
      return `not (${condition(where.of, bind)})`
    case 'compare':
      return `${field(where)} ${listed(comparisons, where.operator)} ${bind(where.value)}`
    case 'in':
      return `${field(where)} = any(${bind(arrayText(where.values))})`
    case 'is':
      return `${field(where)} is ${listed(truths, where.value)}`
    case 'compare each':
    case 'search':
    case 'embedded':
      throw invalid(`Conditions of the kind ${where.kind} are not compiled yet.`)
    default:
      throw unlisted(where)
  }
}

function field({ column, path, embed }: Field & Pick<Order, 'embed'>): string {
  if (path || embed !== undefined) throw invalid('Places in json and in an embed are not compiled yet.')
  return quoteName(column)
}

/** ` order by "title" desc nulls last`, or nothing. */
export function orderClause(order: readonly Order[] | undefined): string {
  if (order === undefined || order.length === 0) return ''
  return ` order by ${order.map(orderItem).join(', ')}`
}

const directions = { asc: '', desc: ' desc' } as const
const nullsPlaces = { first: ' nulls first', last: ' nulls last' } as const

function orderItem({ direction = 'asc', nulls, ...of }: Order): string {
  return field(of) + listed(directions, direction) + (nulls === undefined ? '' : listed(nullsPlaces, nulls))
}

/** ` limit $3 offset $4`. The common `limit 1` is written out: the planner then knows it, also in a generic plan. */
export function limitClause(limit: number | undefined, offset: number | undefined, bind: Bind): string {
  const rows = limit === undefined ? '' : ` limit ${limit === 1 ? '1' : bind(rowNumber('limit', limit))}`
  return offset === undefined || offset === 0 ? rows : `${rows} offset ${bind(rowNumber('offset', offset))}`
}

function rowNumber(name: string, value: number): string {
  if (Number.isSafeInteger(value) && value >= 0) return String(value)
  throw invalid(`${name} must be a whole number of rows, not ${String(value)}.`)
}

/** Looks a word up in a closed list. Types promise that it is there; data that came past them must not become SQL. */
function listed<W extends string>(list: Readonly<Record<W, string>>, word: W): string {
  if (Object.hasOwn(list, word)) return list[word]
  throw invalid(`${JSON.stringify(word)} is none of ${Object.keys(list).join(', ')}.`)
}

/** For the end of a switch over a closed union: what the types exclude can still arrive from JSON. */
export function unlisted(value: never): PlinthError {
  return invalid(`${JSON.stringify(value)} is no part of an operation.`)
}

export function invalid(message: string, hint?: string): PlinthError {
  return new PlinthError('InvalidOperation', message, hint === undefined ? {} : { hint })
}
