import type { CompareOperator, Condition, Field, TextQuery } from 'plinth'
import { tooMuch } from '../postgrest/refusals.ts'
import { malformedArray } from '../postgrest/unknown-names.ts'
import { type Budget, Scanner, spendNode } from './scanner.ts'

const quantified: ReadonlySet<string> = new Set('eq gt gte lt lte like ilike match imatch'.split(' '))
const compared: ReadonlySet<string> = new Set([
  ...quantified,
  ...'neq isdistinct cs cd ov sl sr nxr nxl adj'.split(' '),
])
const searched: ReadonlySet<string> = new Set(['fts', 'plfts', 'phfts', 'wfts'])

const either = (words: Iterable<string>): string => `(?:${[...words].join('|')})`
const operators = [
  ...['in', 'is', either(compared)],
  ...[String.raw`${either(quantified)}\((?:any|all)\)`, String.raw`${either(searched)}(?:\([^)]*\))?`],
]
const beginning = new RegExp(String.raw`^(?:not\.)?${either(operators)}\.`)

/** Whether a value begins as filters do, whatever follows. */
export function isFilter(value: string): boolean {
  return beginning.test(value)
}

type Test = Extract<Condition, { kind: 'is' }>['value']
const tests: readonly Test[] = ['null', 'not_null', 'true', 'false', 'unknown']

/** Reads the value of `age=not.gte.18`: everything after the operator is the value, commas and brackets included. */
export function parseFilter(field: Field, text: string, budget: Budget): Condition {
  const scanner = new Scanner('filter', text)
  const condition = parseOperation(scanner, field, budget, () => scanner.rest())
  if (!scanner.isAtEnd) scanner.fail('end of input')
  return condition
}

/** Reads `not.operator.value` for a field; `value` reads what the place allows: the rest, or up to a comma. */
export function parseOperation(scanner: Scanner, field: Field, budget: Budget, value: () => string): Condition {
  spendNode(budget)
  const isNegated = scanner.take('not.')
  const condition = parseTest(scanner, field, budget, value)
  return isNegated ? { kind: 'not', of: condition } : condition
}

function parseTest(scanner: Scanner, field: Field, budget: Budget, value: () => string): Condition {
  const mark = scanner.mark()
  const operator = scanner.match(/[a-z]+/y) ?? ''
  if (operator === 'in' && scanner.take('.')) return { kind: 'in', ...field, values: parseList(scanner, budget) }
  if (operator === 'is' && scanner.take('.')) return { kind: 'is', ...field, value: parseState(scanner) }
  if (isSearch(operator)) return parseSearch(scanner, operator, field, value)
  if (!isCompare(operator)) {
    scanner.returnTo(mark)
    return scanner.fail('"not" or operator (eq, gt, ...)')
  }
  const quantifier = quantified.has(operator) ? parseQuantifier(scanner) : undefined
  scanner.expect('.')
  const compare = patternOf(operator, value())
  if (quantifier === undefined) return { kind: 'compare', ...field, operator, value: compare }
  return { kind: 'compare each', ...field, operator, quantifier, values: listOf(compare, budget) }
}

function isCompare(operator: string): operator is CompareOperator {
  return compared.has(operator)
}

function isSearch(operator: string): operator is TextQuery {
  return searched.has(operator)
}

function parseQuantifier(scanner: Scanner): 'any' | 'all' | undefined {
  if (scanner.take('(any)')) return 'any'
  return scanner.take('(all)') ? 'all' : undefined
}

function parseSearch(scanner: Scanner, query: TextQuery, field: Field, value: () => string): Condition {
  const language = scanner.take('(') ? parseLanguage(scanner) : undefined
  scanner.expect('.')
  return { kind: 'search', ...field, query, ...(language === undefined ? {} : { language }), value: value() }
}

function parseLanguage(scanner: Scanner): string {
  const language = scanner.match(/[\p{L}\p{N}_ $]+/uy)?.trim()
  if (language === undefined || language === '') scanner.fail('letter, digit or "_"')
  scanner.expect(')')
  return language
}

/** In a URL the star stands for SQL's per cent sign, which would have to be escaped there. */
function patternOf(operator: CompareOperator, value: string): string {
  return operator === 'like' || operator === 'ilike' ? value.replaceAll('*', '%') : value
}

function parseState(scanner: Scanner): Test {
  const mark = scanner.mark()
  const word = (scanner.match(/[a-z_]+/iy) ?? '').toLowerCase()
  const test = tests.find((one) => one === word)
  if (test !== undefined) return test
  scanner.returnTo(mark)
  return scanner.fail('isVal: (null, not_null, true, false, unknown)')
}

/** Reads `(1,"a,b",c)`. `()` is the empty list: nothing is in it. */
function parseList(scanner: Scanner, budget: Budget): readonly string[] {
  scanner.skipSpaces()
  scanner.expect('(')
  scanner.skipSpaces()
  const values: string[] = []
  if (scanner.take(')')) return values
  do {
    values.push(parseListed(scanner))
    checkLength(values, budget)
  } while (scanner.take(','))
  scanner.expect(')')
  scanner.skipSpaces()
  return values
}

function checkLength(values: readonly string[], { limits }: Budget): void {
  if (values.length > limits.listValues) throw tooMuch(`More than ${limits.listValues} values in a list.`)
}

/** A quoted value counts as quoted only when it ends where the list goes on; `"a"b` is the text with its quotes. */
export function parseListed(scanner: Scanner): string {
  const mark = scanner.mark()
  const quoted = tryQuoted(scanner)
  if (quoted !== undefined && ['', ',', ')'].includes(scanner.next)) return quoted
  scanner.returnTo(mark)
  return scanner.match(/[^,)]*/y) ?? ''
}

const quotedText = /"(?:[^"\\]|\\[^])*"/y

function tryQuoted(scanner: Scanner): string | undefined {
  return scanner.match(quotedText)?.slice(1, -1).replaceAll(escaped, '$1')
}

const escaped = /\\([^])/g

/** The values of PostgreSQL's text of a list, `{a,"b,c"}`; a list of lists compares with nothing. */
function listOf(text: string, budget: Budget): readonly string[] {
  if (!text.startsWith('{') || !text.endsWith('}')) throw malformedArray(text)
  const inside = text.slice(1, -1)
  if (inside.trim() === '') return []
  const scanner = new Scanner('filter', inside)
  const values: string[] = []
  do {
    scanner.skipSpaces()
    const value = tryQuoted(scanner) ?? scanner.match(/[^,{}"]+/y)?.trim()
    scanner.skipSpaces()
    if (value === undefined || !['', ','].includes(scanner.next)) throw malformedArray(text)
    values.push(value)
    checkLength(values, budget)
  } while (scanner.take(','))
  return values
}
