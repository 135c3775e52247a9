import type { Condition, Order, Outputs } from 'plinth'
import { parseFilter } from './filter.ts'
import { parseLogic } from './logic.ts'
import { parseOrder } from './order.ts'
import { notEmbedded, notImplemented, unparsable } from './refusals.ts'
import { type Budget, Scanner } from './scanner.ts'
import { parseNames, parseSelect } from './select.ts'
import type { Parameter } from './url.ts'

/** The query string of a table, read. */
export interface Parameters {
  readonly select: Outputs
  readonly where?: Condition
  readonly order?: readonly Order[]
  readonly limit?: string
  readonly offset?: string
  readonly columns?: readonly string[]
  readonly onConflict?: readonly string[]
}

const reserved: ReadonlySet<string> = new Set(['select', 'order', 'limit', 'offset', 'columns', 'on_conflict'])

/** Reads all parameters; whatever is not reserved is a filter, and all filters hold together. */
export function parseParameters(
  parameters: readonly Parameter[],
  allColumns: () => readonly string[],
  budget: Budget,
): Parameters {
  const given = reservedValues(parameters)
  const conditions = parameters.filter(({ name }) => !reserved.has(name)).map((one) => parseCondition(one, budget))
  const [order, columns, onConflict] = [given.get('order'), given.get('columns'), given.get('on_conflict')]
  const [limit, offset] = [given.get('limit'), given.get('offset')]
  const [first] = conditions
  return {
    select: parseSelect(given.get('select'), allColumns, budget),
    ...(first === undefined ? {} : { where: conditions.length === 1 ? first : { kind: 'and', of: conditions } }),
    ...(order === undefined || order === '' ? {} : { order: parseOrder(order, budget) }),
    ...(limit === undefined ? {} : { limit }),
    ...(offset === undefined ? {} : { offset }),
    ...(columns === undefined || columns === '' ? {} : { columns: parseNames('columns', columns, budget) }),
    ...(onConflict === undefined ? {} : { onConflict: parseNames('on_conflict', onConflict, budget) }),
  }
}

/** PostgREST takes the first of two `select` and the last of two `limit`; neither is what the client meant. */
export function reservedValues(parameters: readonly Parameter[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const { name, value } of parameters) {
    if (!reserved.has(name)) continue
    if (values.has(name)) throw unparsable(`${name} (${value.slice(0, 200)})`, 0, `unexpected second "${name}"`)
    values.set(name, value)
  }
  return values
}

function parseCondition({ name, value }: Parameter, budget: Budget): Condition {
  const logic = /^(not\.)?(and|or)$/.exec(name)
  if (logic !== null) return parseLogic(logic[2] === 'and' ? 'and' : 'or', logic[1] !== undefined, value, budget)
  const scanner = new Scanner('tree path', name)
  const column = scanner.name()
  if (scanner.take('->')) throw notImplemented('JSON paths (-> and ->>)')
  if (scanner.next === '.') throw notEmbedded(column)
  if (!scanner.isAtEnd) scanner.fail('field name (* or [a..z0..9_$])')
  return parseFilter(column, value, budget)
}
