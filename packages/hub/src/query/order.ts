import type { Field, Order } from 'plinth'
import { parseField } from './field.ts'
import { type Budget, Scanner, spendNode } from './scanner.ts'

/** Reads `order=age.desc.nullslast,author(name)`. */
export function parseOrder(text: string, budget: Budget): readonly Order[] {
  const scanner = new Scanner('order', text)
  const terms: Order[] = []
  do {
    scanner.skipSpaces()
    terms.push(parseTerm(scanner))
    spendNode(budget)
    scanner.skipSpaces()
  } while (scanner.take(','))
  if (!scanner.isAtEnd) scanner.fail('"," or end of input')
  return terms
}

function parseTerm(scanner: Scanner): Order {
  const field = parseRelated(scanner) ?? parseField(scanner)
  const direction = scanner.take('.asc') ? 'asc' : scanner.take('.desc') ? 'desc' : undefined
  const nulls = scanner.take('.nullsfirst') ? 'first' : scanner.take('.nullslast') ? 'last' : undefined
  return {
    ...field,
    ...(direction === undefined ? {} : { direction }),
    ...(nulls === undefined ? {} : { nulls }),
  }
}

/** Reads `author(name)`: a column of an embedded row. */
function parseRelated(scanner: Scanner): (Field & { readonly embed: string }) | undefined {
  const mark = scanner.mark()
  const embed = scanner.tryName()
  if (embed === undefined || !scanner.take('(')) {
    scanner.returnTo(mark)
    return undefined
  }
  scanner.skipSpaces()
  const field = parseField(scanner)
  scanner.skipSpaces()
  scanner.expect(')')
  return { ...field, embed }
}
