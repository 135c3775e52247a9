import { arrayText } from '../operation/array-text.ts'
import { invalidOperation } from '../operation/invalid-operation.ts'
import type { CompareOperator, Condition, TextQuery } from '../operation/operation.ts'
import { listed, unlisted } from './closed-lists.ts'
import type { Context } from './context.ts'
import { field, relation } from './fields.ts'

/** What the conditions of a row can be about. */
export interface Conditioned {
  readonly alias: string
  /** The SQL of whether the row has rows in the embed of that name. */
  readonly hasRowsIn: (embed: string) => string
}

const operators: Readonly<Record<CompareOperator, string>> = {
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

/** The operators that PostgreSQL lets stand before `any` and `all` of a list of single values. */
const eachOperators: ReadonlySet<CompareOperator> = new Set([
  'eq',
  'neq',
  'gt',
  'gte',
  'lt',
  'lte',
  'like',
  'ilike',
  'match',
  'imatch',
])

const quantifiers = { any: 'any', all: 'all' } as const

const truths = {
  null: 'null',
  not_null: 'not null',
  true: 'true',
  false: 'false',
  unknown: 'unknown',
} as const

const textQueries: Readonly<Record<TextQuery, string>> = {
  fts: 'to_tsquery',
  plfts: 'plainto_tsquery',
  phfts: 'phraseto_tsquery',
  wfts: 'websearch_to_tsquery',
}

export function condition(where: Condition, of: Conditioned, context: Context): string {
  const { bind } = context
  switch (where.kind) {
    case 'and':
    case 'or':
      // An empty list would be true or false for every row: in a DELETE that is the whole table.
      if (where.of.length === 0) throw invalidOperation(`A condition "${where.kind}" needs at least one part.`)
      return `(${where.of.map((part) => condition(part, of, context)).join(` ${where.kind} `)})`
    case 'not':
      return `not (${condition(where.of, of, context)})`
    case 'compare':
      return `${field(where, of.alias, bind)} ${listed(operators, where.operator)} ${comparedValue(where, context)}`
    case 'compare each':
      return compareEach(where, of.alias, context)
    case 'in':
      return `${field(where, of.alias, bind)} = any(${comparedList(where, context)})`
    case 'is':
      return `${field(where, of.alias, bind)} is ${listed(truths, where.value)}`
    case 'search':
      return search(where, of.alias, context)
    case 'embedded':
      return embedded(where, of)
    default:
      throw unlisted(where)
  }
}

type Kind<K extends Condition['kind']> = Extract<Condition, { readonly kind: K }>

function comparedValue(where: Kind<'compare'>, { bind }: Context): string {
  const value = bind(where.value, where)
  return where.parse ? `${relation(where.parse)}(${value}::text)` : value
}

/** Made before a row is read, so that an index still serves the comparison. */
function comparedList({ parse, values }: Kind<'compare each' | 'in'>, { bind, alias }: Context): string {
  const list = bind(arrayText(values))
  if (parse === undefined) return list
  const texts = alias()
  return `array(select ${relation(parse)}(${texts}."text") from unnest(${list}::text[]) as ${texts}("text"))`
}

function compareEach(where: Kind<'compare each'>, alias: string, context: Context): string {
  const { operator, quantifier } = where
  if (!eachOperators.has(operator))
    throw invalidOperation(`The operator ${operator} compares with one value at a time.`)
  const list = `${listed(quantifiers, quantifier)}(${comparedList(where, context)})`
  return `${field(where, alias, context.bind)} ${listed(operators, operator)} ${list}`
}

function search(where: Kind<'search'>, alias: string, { bind }: Context): string {
  const { query, language, value, of } = where
  const configuration = (): string => (language === undefined ? '' : `${bind(language)}::regconfig, `)
  const words = field(where, alias, bind)
  const document = of === 'text' ? `to_tsvector(${configuration()}${words})` : words
  return `${document} @@ ${listed(textQueries, query)}(${configuration()}${bind(value)})`
}

function embedded({ embed, value }: Kind<'embedded'>, of: Conditioned): string {
  if (value !== 'null' && value !== 'not_null')
    throw invalidOperation(`An embed is null or not_null, not ${String(value)}.`)
  return value === 'null' ? `not ${of.hasRowsIn(embed)}` : of.hasRowsIn(embed)
}
