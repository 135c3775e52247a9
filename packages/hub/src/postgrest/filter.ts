import type { CompareOperator, Condition } from 'plinth'
import { notImplemented, tooMuch } from './refusals.ts'
import { type Budget, Scanner, spendNode } from './scanner.ts'

const compared: ReadonlySet<string> = new Set(['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike'])

/** PostgREST's operators that the hub does not have yet. */
const later: ReadonlySet<string> = new Set(
  'match imatch isdistinct fts plfts phfts wfts cs cd ov sl sr nxr nxl adj'.split(' '),
)

const tests: ReadonlyMap<string, (Condition & { kind: 'is' })['value']> = new Map([
  ['null', 'null'],
  ['not_null', 'not_null'],
  ['true', 'true'],
  ['false', 'false'],
  ['unknown', 'unknown'],
])

/** Reads the value of `age=not.gte.18`: everything after the operator is the value, commas and brackets included. */
export function parseFilter(column: string, text: string, budget: Budget): Condition {
  const scanner = new Scanner('filter', text)
  const condition = parseOperation(scanner, column, budget, () => scanner.rest())
  if (!scanner.isAtEnd) scanner.fail('end of input')
  return condition
}

/** Reads `not.operator.value` for a column; `value` reads what the place allows: the rest, or up to a comma. */
export function parseOperation(scanner: Scanner, column: string, budget: Budget, value: () => string): Condition {
  spendNode(budget)
  const isNegated = scanner.take('not.')
  const operator = scanner.match(/[a-z]+/y) ?? ''
  if (later.has(operator)) throw notImplemented(`The operator '${operator}'`)
  if (compared.has(operator) && scanner.next === '(') throw notImplemented('The modifiers any and all of an operator')
  if (!isCompare(operator) && operator !== 'in' && operator !== 'is') scanner.fail('operator (eq, gt, ...)')
  scanner.expect('.')
  const condition = isCompare(operator)
    ? ({ kind: 'compare', column, operator, value: patternOf(operator, value()) } as const)
    : operator === 'in'
      ? ({ kind: 'in', column, values: parseList(scanner, budget) } as const)
      : ({ kind: 'is', column, value: parseTest(scanner) } as const)
  return isNegated ? { kind: 'not', of: condition } : condition
}

function isCompare(operator: string): operator is CompareOperator {
  return compared.has(operator)
}

/** In a URL the star stands for SQL's per cent sign, which would have to be escaped there. */
function patternOf(operator: CompareOperator, value: string): string {
  return operator === 'like' || operator === 'ilike' ? value.replaceAll('*', '%') : value
}

function parseTest(scanner: Scanner): (Condition & { kind: 'is' })['value'] {
  const mark = scanner.mark()
  const test = tests.get((scanner.match(/[a-z_]+/iy) ?? '').toLowerCase())
  if (test === undefined) {
    scanner.returnTo(mark)
    scanner.fail('isVal: (null, not_null, true, false, unknown)')
  }
  return test
}

/** Reads `(1,"a,b",c)`. `()` is the empty list: nothing is in it. */
function parseList(scanner: Scanner, budget: Budget): readonly string[] {
  scanner.skipSpaces()
  scanner.expect('(')
  const values: string[] = []
  if (scanner.take(')')) return values
  do {
    values.push(parseListed(scanner))
    if (values.length > budget.limits.listValues)
      throw tooMuch(`More than ${budget.limits.listValues} values in a list.`)
  } while (scanner.take(','))
  scanner.expect(')')
  scanner.skipSpaces()
  return values
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
  return scanner
    .match(quotedText)
    ?.slice(1, -1)
    .replace(/\\([^])/g, '$1')
}
