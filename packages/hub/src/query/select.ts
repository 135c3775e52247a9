import type { Aggregate, CountOutput, Output } from 'plinth'
import { tooMuch } from '../postgrest/refusals.ts'
import { nameOfPath, parseField } from './field.ts'
import { createLevel, type Level, type Wanted, type WantedEmbed } from './level.ts'
import { type Budget, Scanner, spendNode } from './scanner.ts'

/** Reads `select=id,total:amount::text,author(name)`. An absent or empty parameter means every column. */
export function parseSelect(text: string | undefined, budget: Budget): Level {
  if (text === undefined || text.trim() === '') return createLevel([{ kind: 'star' }])
  const scanner = new Scanner('select parameter', text)
  const outputs = parseOutputs(scanner, budget, 0)
  if (!scanner.isAtEnd && !budget.isLenient)
    scanner.fail('letter, digit, "-", "->>", "->", "::", ".", "," or end of input')
  return createLevel(outputs)
}

function parseOutputs(scanner: Scanner, budget: Budget, depth: number): readonly Wanted[] {
  const most = budget.limits.embedDepth
  if (depth > most) throw tooMuch(`Tables embedded more than ${most} deep.`)
  const outputs: Wanted[] = []
  do {
    spendNode(budget)
    scanner.skipSpaces()
    const output = parseOutput(scanner, budget, depth)
    // A second star says nothing new, and a thousand of them would name a thousand times every column.
    if (output.kind !== 'star' || !outputs.some(({ kind }) => kind === 'star')) outputs.push(output)
    scanner.skipSpaces()
  } while (scanner.take(','))
  return outputs
}

function parseOutput(scanner: Scanner, budget: Budget, depth: number): Wanted {
  if (scanner.take('...')) return parseEmbed(scanner, { alias: undefined, isSpread: true }, budget, depth)
  const mark = scanner.mark()
  if (scanner.take('*')) return { kind: 'star' }
  const alias = parseAlias(scanner)
  if (isEmbedNext(scanner)) return parseEmbed(scanner, { alias, isSpread: false }, budget, depth)
  scanner.returnTo(mark)
  return parseColumn(scanner)
}

/** One colon ends an alias; two begin a cast. */
function parseAlias(scanner: Scanner): string | undefined {
  const mark = scanner.mark()
  const alias = scanner.tryName()
  if (alias !== undefined && scanner.match(/:(?!:)/y) !== undefined) return alias
  scanner.returnTo(mark)
  return undefined
}

function isEmbedNext(scanner: Scanner): boolean {
  const mark = scanner.mark()
  const name = scanner.tryName()
  // `count()` is an aggregate, also in a table that could be embedded by that name.
  const isEmbed = name !== undefined && name !== 'count' && (scanner.next === '(' || scanner.next === '!')
  scanner.returnTo(mark)
  return isEmbed
}

type Kind = Pick<WantedEmbed, 'alias' | 'isSpread'>

function parseEmbed(scanner: Scanner, kind: Kind, budget: Budget, depth: number): WantedEmbed {
  const target = scanner.name()
  const { hint, isInner } = parseJoin(scanner)
  scanner.expect('(')
  const outputs = scanner.next === ')' ? [] : parseOutputs(scanner, budget, depth + 1)
  scanner.expect(')')
  return { kind: 'embed', target, hint, isInner, ...kind, level: createLevel(outputs) }
}

/** Reads `!hint!inner`, each at most once and in any order. */
function parseJoin(scanner: Scanner): Pick<WantedEmbed, 'hint' | 'isInner'> {
  let hint: string | undefined
  let join: string | undefined
  for (let words = 0; words < 2 && scanner.take('!'); words++) {
    const word = scanner.name()
    if ((word === 'inner' || word === 'left') && join === undefined) join = word
    else hint ??= word
  }
  return { hint, isInner: join === 'inner' }
}

const ends: ReadonlySet<string> = new Set(['', ',', ')'])

function parseColumn(scanner: Scanner): Wanted {
  const alias = parseAlias(scanner)
  if (scanner.take('count()')) return endOf(scanner, { kind: 'count', output: countOutput(scanner, alias) })
  const field = parseField(scanner)
  scanner.skipSpaces()
  const cast = parseCast(scanner)
  const aggregate = parseAggregate(scanner)
  const as = alias ?? (aggregate ? undefined : nameOfPath(field))
  const output: Output = {
    ...field,
    ...(as === undefined ? {} : { as }),
    ...(cast === undefined ? {} : { cast }),
    ...(aggregate && { aggregate }),
  }
  return endOf(scanner, { kind: 'column', output })
}

function endOf(scanner: Scanner, wanted: Wanted): Wanted {
  scanner.skipSpaces()
  if (!ends.has(scanner.next)) scanner.fail('letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input')
  return wanted
}

function countOutput(scanner: Scanner, alias: string | undefined): CountOutput {
  const cast = parseCast(scanner)
  return {
    count: 'rows',
    ...(alias === undefined ? {} : { as: alias }),
    ...(cast === undefined ? {} : { cast }),
  }
}

function parseCast(scanner: Scanner): string | undefined {
  if (!scanner.take('::')) return undefined
  const cast = scanner.match(/[\p{L}\p{N}_ $]+(?:\[\])?/uy)?.trim()
  if (cast === undefined || cast === '') scanner.fail('letter, digit or "_"')
  return cast
}

const aggregates: ReadonlySet<Aggregate['name']> = new Set(['avg', 'count', 'max', 'min', 'sum'])

function parseAggregate(scanner: Scanner): Aggregate | undefined {
  const word = scanner.match(/\.[a-z]+\(\)/y)
  if (word === undefined) return undefined
  const name = [...aggregates].find((one) => word === `.${one}()`)
  if (name === undefined) scanner.fail('"sum()", "avg()", "count()", "max()" or "min()"')
  const cast = parseCast(scanner)
  return cast === undefined ? { name } : { name, cast }
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
