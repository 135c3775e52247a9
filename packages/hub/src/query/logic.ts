import type { Condition } from 'plinth'
import { tooMuch } from '../postgrest/refusals.ts'
import { parseField } from './field.ts'
import { parseListed, parseOperation } from './filter.ts'
import { type Budget, Scanner, spendNode } from './scanner.ts'

export type LogicHead = 'and' | 'or' | 'not.and' | 'not.or'

/** Reads `or=(age.lt.18,not.and(a.eq.1,b.eq.2))` as what it is with its head: `or(age.lt.18,…)`. */
export function parseLogic(head: LogicHead, text: string, budget: Budget): Condition {
  const scanner = new Scanner('logic tree', text, head)
  scanner.take(head)
  const tree = parseTree(scanner, head, budget, 1)
  if (!scanner.isAtEnd && !budget.isLenient) scanner.fail('end of input')
  return tree
}

function parseTree(scanner: Scanner, head: string, budget: Budget, depth: number): Condition {
  const group = parseGroup(scanner, head.endsWith('and') ? 'and' : 'or', budget, depth)
  return head.startsWith('not.') ? { kind: 'not', of: group } : group
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
  return head === undefined ? parseCondition(scanner, budget) : parseTree(scanner, head, budget, depth + 1)
}

const member = 'field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)'

/** A list of PostgreSQL's own, `{a,b}`, holds commas that end nothing. */
function parseCondition(scanner: Scanner, budget: Budget): Condition {
  const field = parseField(scanner, member)
  scanner.skipSpaces()
  scanner.expect('.')
  return parseOperation(scanner, field, budget, () => scanner.match(/\{[^{}]*\}/y) ?? parseListed(scanner))
}
