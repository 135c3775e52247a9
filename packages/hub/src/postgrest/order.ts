import type { Order } from 'plinth'
import { notImplemented } from './refusals.ts'
import { type Budget, Scanner, spendNode } from './scanner.ts'

/** Reads `order=age.desc.nullslast,name`. */
export function parseOrder(text: string, budget: Budget): readonly Order[] {
  const scanner = new Scanner('order', text)
  const terms: Order[] = []
  do {
    scanner.skipSpaces()
    terms.push(parseTerm(scanner))
    spendNode(budget)
    scanner.skipSpaces()
  } while (scanner.take(','))
  if (!scanner.isAtEnd) scanner.fail('"asc", "desc", "nullsfirst", "nullslast", "," or end of input')
  return terms
}

function parseTerm(scanner: Scanner): Order {
  const column = scanner.name()
  if (scanner.take('->')) throw notImplemented('JSON paths (-> and ->>)')
  if (scanner.next === '(') throw notImplemented('Ordering by a related table')
  const direction = scanner.take('.asc') ? 'asc' : scanner.take('.desc') ? 'desc' : undefined
  const nulls = scanner.take('.nullsfirst') ? 'first' : scanner.take('.nullslast') ? 'last' : undefined
  return {
    column,
    ...(direction === undefined ? {} : { direction }),
    ...(nulls === undefined ? {} : { nulls }),
  }
}
