import type { Condition, Field, Order, Outputs } from 'plinth'
import { notEmbedded, unparsable } from '../postgrest/refusals.ts'
import { parseJsonPath } from './field.ts'
import { parseFilter } from './filter.ts'
import { embedsOf, type Level } from './level.ts'
import { parseLogic } from './logic.ts'
import { parseOrder } from './order.ts'
import { resolveLevel } from './resolve-level.ts'
import { type Budget, Scanner } from './scanner.ts'
import type { Scope } from './scope.ts'
import { parseNames, parseSelect } from './select.ts'
import type { Parameter } from './url.ts'

/** The query string of a table or function, read, its names looked up. */
export interface Parameters {
  readonly select: Outputs
  readonly where?: Condition
  readonly order?: readonly Order[]
  readonly limit?: string
  readonly offset?: string
  readonly columns?: readonly string[]
  readonly onConflict?: readonly string[]
}

/** Each at most once. */
const single: ReadonlySet<string> = new Set(['select', 'order', 'limit', 'offset', 'columns', 'on_conflict'])

/** Whether a parameter of this name means something else than a filter on a column. */
export function isReserved(name: string): boolean {
  return /(^|\.)(order|limit|offset|and|or)$/.test(name) || isForWhole(name)
}

/**
 * Reads all parameters; whatever is not reserved is a filter, and all filters of a level hold together. `check` sees the
 * root before any name is looked up.
 */
export function parseParameters(
  parameters: readonly Parameter[],
  scope: Scope,
  budget: Budget,
  check?: (root: Level) => void,
): Parameters {
  const given = singleValues(parameters)
  const [columns, onConflict] = [given.get('columns'), given.get('on_conflict')]
  const root = parseSelect(given.get('select'), budget)
  for (const parameter of parameters) if (!isForWhole(parameter.name)) addTo(root, parameter, budget)
  check?.(root)
  const { columns: select, where, order } = resolveLevel(root, scope)
  return {
    select,
    ...(where && { where }),
    ...(order && { order }),
    ...(root.limit === undefined ? {} : { limit: root.limit }),
    ...(root.offset === undefined ? {} : { offset: root.offset }),
    ...(columns === undefined ? {} : { columns: [...new Set(parseNames('columns', columns, budget))] }),
    ...(onConflict === undefined ? {} : { onConflict: parseNames('on_conflict', onConflict, budget) }),
  }
}

/** About the request and no level of it. */
function isForWhole(name: string): boolean {
  return name === 'select' || name === 'columns' || name === 'on_conflict'
}

/** PostgREST takes the first of two `select` and the last of two `limit`; neither is what the client meant. */
function singleValues(parameters: readonly Parameter[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const { name, value } of parameters) {
    if (!single.has(name)) continue
    if (values.has(name)) throw unparsable(`${name} (${value.slice(0, 200)})`, 0, `unexpected second "${name}"`)
    values.set(name, value)
  }
  return values
}

/** Reads `author.country.name=eq.x`, `author.order=name`, `author.or=(…)`: names of embeds, then what it is about. */
function addTo(root: Level, { name, value }: Parameter, budget: Budget): void {
  const { path, last } = parsePath(name)
  if (last.path === undefined && isLogic(last.column)) {
    const embeds = path.filter((part) => part !== 'not')
    const head = path.includes('not') ? (`not.${last.column}` as const) : last.column
    levelAt(root, embeds).conditions.push(parseLogic(head, value, budget))
    return
  }
  const level = levelAt(root, path)
  switch (last.column) {
    case 'order':
      if (value !== '') level.order = parseOrder(value, budget)
      return
    case 'limit':
      level.limit = value
      return
    case 'offset':
      level.offset = value
      return
    default:
      level.conditions.push(parseFilter(last, value, budget))
  }
}

function isLogic(word: string): word is 'and' | 'or' {
  return word === 'and' || word === 'or'
}

function parsePath(name: string): { readonly path: readonly string[]; readonly last: Field } {
  const scanner = new Scanner('tree path', name)
  const path = [scanner.name()]
  while (scanner.take('.')) path.push(scanner.name())
  const column = path.pop() ?? ''
  const json = parseJsonPath(scanner)
  if (!scanner.isAtEnd) scanner.fail('field name (* or [a..z0..9_$])')
  return { path, last: json === undefined ? { column } : { column, path: json } }
}

/** An embed is found by its alias, and by its target too. */
function levelAt(root: Level, path: readonly string[]): Level {
  return path.reduce((level, name) => {
    const embeds = embedsOf(level)
    const found = embeds.find(({ alias }) => alias === name) ?? embeds.find(({ target }) => target === name)
    if (found === undefined) throw notEmbedded(name)
    return found.level
  }, root)
}
