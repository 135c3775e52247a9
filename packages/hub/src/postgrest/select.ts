import type { Output, Outputs } from 'plinth'
import { aggregatesRefused, notImplemented } from './refusals.ts'
import { type Budget, Scanner, spendNode } from './scanner.ts'

/**
 * Reads `select=id,total:amount::text`. A star alone is every column; among others it is too, and `all` gives its
 * columns. An absent or empty parameter means the star.
 */
export function parseSelect(text: string | undefined, all: () => readonly string[], budget: Budget): Outputs {
  if (text === undefined || text.trim() === '' || text.trim() === '*') return 'all'
  const scanner = new Scanner('select parameter', text)
  const outputs: Output[] = []
  do {
    scanner.skipSpaces()
    const added = scanner.take('*') ? all().map((column) => ({ column })) : [parseOutput(scanner)]
    for (const output of added) {
      spendNode(budget)
      outputs.push(output)
    }
    scanner.skipSpaces()
  } while (scanner.take(','))
  if (!scanner.isAtEnd) scanner.fail('letter, digit, "-", "->>", "->", "::", ".", "," or end of input')
  return outputs
}

function parseOutput(scanner: Scanner): Output {
  if (scanner.take('...')) throw notImplemented('Spread embedding of a related table')
  const first = scanner.name()
  const alias = isAliasNext(scanner) ? first : undefined
  const column = alias === undefined ? first : scanner.name()
  refuseWhatFollows(scanner, column)
  const cast = scanner.take('::') ? scanner.match(/[\p{L}\p{N}_ $]+(?:\[\])?/uy)?.trim() : undefined
  if (scanner.next === '.') throw aggregatesRefused()
  return {
    column,
    ...(alias === undefined ? {} : { as: alias }),
    ...(cast === undefined ? {} : { cast }),
  }
}

/** One colon ends an alias; two begin a cast. */
function isAliasNext(scanner: Scanner): boolean {
  const mark = scanner.mark()
  if (scanner.take('::')) {
    scanner.returnTo(mark)
    return false
  }
  return scanner.take(':')
}

function refuseWhatFollows(scanner: Scanner, column: string): void {
  const mark = scanner.mark()
  if (scanner.take('->')) throw notImplemented('JSON paths (-> and ->>)')
  if (scanner.take('()')) throw aggregatesRefused()
  if (scanner.take('!') || scanner.take('(')) throw notImplemented(`Embedding of a related table ('${column}')`)
  if (scanner.take('.')) throw aggregatesRefused()
  scanner.returnTo(mark)
}

/** Reads a list of plain names: `columns=a,b` and `on_conflict=a,b`. */
export function parseNames(parameter: string, text: string, budget: Budget): readonly string[] {
  const scanner = new Scanner(`${parameter} parameter`, text)
  const names: string[] = []
  do {
    scanner.skipSpaces()
    names.push(scanner.name())
    spendNode(budget)
    scanner.skipSpaces()
  } while (scanner.take(','))
  if (!scanner.isAtEnd) scanner.fail('"," or end of input')
  return names
}
