import type { Condition } from 'plinth'
import { parseField } from './field.ts'
import { parseListed, parseOperation } from './filter.ts'
import { tooMuch } from './refusals.ts'
import { type Budget, Scanner, spendNode } from './scanner.ts'

/** Reads the value of `or=(age.lt.18,not.and(a.eq.1,b.eq.2))`; `kind` and `isNegated` come from the name before it. */
export function parseLogic(kind: 'and' | 'or', isNegated: boolean, text: string, budget: Budget): Condition {
  const scanner = new Scanner('logic tree', text)
  const tree = parseGroup(scanner, kind, budget, 1)
  if (!scanner.isAtEnd && !budget.isLenient) scanner.fail('end of input')
  return isNegated ? { kind: 'not', of: tree } : tree
}

function parseGroup(scanner: Scanner, kind: 'and' | 'or', budget: Budget, depth: number): Condition {
  if (depth > budget.limits.depth) throw tooMuch(`Conditions nested more than ${budget.limits.depth} deep.`)
  spendNode(budget)
  scanner.skipSpaces()
  scanner.expect('(')
  const of: Condition[] = []
  do {
    scanner.skipSpaces()
    of.push(parseMember(scanner, budget, depth))
    scanner.skipSpaces()
  } while (scanner.take(','))
  scanner.expect(')')
  scanner.skipSpaces()
  return { kind, of }
}

/** A column may be called `and` or `not`, so a group is one only with its bracket. */
const groupHead = /(?:not\.)?(?:and|or)(?=[ \t]*\()/y

function parseMember(scanner: Scanner, budget: Budget, depth: number): Condition {
  const head = scanner.match(groupHead)
  if (head === undefined) return parseCondition(scanner, budget)
  const group = parseGroup(scanner, head.endsWith('and') ? 'and' : 'or', budget, depth + 1)
  return head.startsWith('not.') ? { kind: 'not', of: group } : group
}

/** A list of PostgreSQL's own, `{a,b}`, holds commas that end nothing. */
function parseCondition(scanner: Scanner, budget: Budget): Condition {
  const field = parseField(scanner)
  scanner.skipSpaces()
  scanner.expect('.')
  return parseOperation(scanner, field, budget, () => scanner.match(/\{[^{}]*\}/y) ?? parseListed(scanner))
}
