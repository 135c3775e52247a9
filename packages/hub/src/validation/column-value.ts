import type { Json } from 'plinth'
import type { CatalogColumn } from 'plinth/operation'
import { isObject } from '../postgrest/json.ts'
import type { FieldIssue } from '../refusal.ts'
import { brokenCheck } from './check-constraint.ts'

export interface Problem extends Omit<FieldIssue, 'field'> {
  readonly sqlstate: '22P02' | '22003' | '22001' | '23502' | '23514'
  readonly constraint?: string
}

/**
 * What of a value PostgreSQL would refuse for certain, by the type of its column. It reads each value with the input
 * function of that type, whose syntax is wider than one thinks (`0x1F` is an integer, `ye` is true), so what might be
 * read is never refused here. Null is no matter of types.
 */
export function typeProblem(column: CatalogColumn, value: Json): Problem | undefined {
  if (value === null) return undefined
  const text = scalarText(value)
  const misread = types.get(column.oid)?.(text)
  if (misread !== undefined || text === undefined) return misread
  const { maxLength, enumValues } = column
  if (maxLength !== undefined && exceeds(text, maxLength))
    return { code: 'length', message: `must have at most ${maxLength} characters`, sqlstate: '22001' }
  if (enumValues && !enumValues.includes(text))
    return { code: 'enum', message: `must be one of ${listed(enumValues)}`, sqlstate: '22P02' }
  return undefined
}

/** Of a column of a table whose rows are stored as they come: a trigger could put right what is wrong here. */
export function storedProblem(column: CatalogColumn, value: Json | undefined): Problem | undefined {
  const isMissing = value === undefined ? !column.hasDefault : value === null
  if (isMissing && !column.isNullable && !column.isGenerated)
    return { code: 'required', message: 'must be given', sqlstate: '23502' }
  const text = value === undefined || value === null ? undefined : scalarText(value)
  const broken = text === undefined ? undefined : brokenCheck(column, text)
  return broken && { code: 'check', sqlstate: '23514', message: broken.message, constraint: broken.constraint }
}

/** As PostgreSQL's input function gets it; undefined for a list or an object. */
function scalarText(value: Json): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'object' && (Array.isArray(value) || isObject(value)) ? undefined : JSON.stringify(value)
}

/** What is wrong with a text, or with a list or object, which has none. */
type Misread = (text: string | undefined) => Problem | undefined

const words = ['true', 'false', 'yes', 'no', 'on', 'off', '1', '0']

const wholeNumber = /^\s*[+-]?(?:[\d_]+|0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)\s*$/

const number = syntax('a number', (text) => /\d/.test(text) || /^\s*[+-]?(?:nan|inf|infinity)\s*$/i.test(text))

/** By their oids, which are the same in every PostgreSQL. */
const types: ReadonlyMap<number, Misread> = new Map([
  [16, syntax('true or false', (text) => words.some((word) => word.startsWith(text.trim().toLowerCase())))],
  [21, integer(2n ** 15n)],
  [23, integer(2n ** 31n)],
  [20, integer(2n ** 63n)],
  [700, number],
  [701, number],
  [1700, number],
  [2950, syntax('a UUID', (text) => /^[\da-f]{32}$/i.test(text.replaceAll(/[{}\s-]/g, '')))],
])

function syntax(what: string, mayRead: (text: string) => boolean): Misread {
  return (text) =>
    text !== undefined && mayRead(text) ? undefined : { code: 'type', message: `must be ${what}`, sqlstate: '22P02' }
}

function integer(bound: bigint): Misread {
  const what = `a whole number of ${-bound} to ${bound - 1n}`
  const asNumber = syntax(what, (text) => wholeNumber.test(text))
  return (text = '') => {
    if (!/^-?\d{1,19}$/.test(text)) return asNumber(text)
    const value = BigInt(text)
    if (value >= -bound && value < bound) return undefined
    return { code: 'type', message: `must be ${what}`, sqlstate: '22003' }
  }
}

/** Spaces beyond the limit are cut off by PostgreSQL. */
function exceeds(text: string, limit: number): boolean {
  if (text.length <= limit) return false
  return Array.from(text)
    .slice(limit)
    .some((character) => character !== ' ')
}

function listed(texts: readonly string[]): string {
  return texts.map((one) => JSON.stringify(one)).join(', ')
}
