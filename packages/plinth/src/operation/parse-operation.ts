import {
  byKind,
  type Check,
  checkSize,
  fault,
  type Fields,
  list,
  name,
  needed,
  object,
  objectOr,
  oneOf,
  optional,
  record,
  text,
  wholeNumber,
} from './json-checks.ts'
import type {
  Call,
  Condition,
  Count,
  Delete,
  Insert,
  Operation,
  Order,
  Output,
  Page,
  Relation,
  Select,
  Update,
  Upsert,
} from './operation.ts'

/** What an operation from outside may ask for, before anything is done for it. */
export interface OperationLimits {
  /**
   * Objects and lists, those inside rows and arguments not counted: the size of the body bounds them. Default 1,000.
   */
  readonly maxNodes?: number
  /** Levels of nesting, also inside rows. Default 64. */
  readonly maxDepth?: number
  /** Rows to write. Default 10,000. */
  readonly maxRows?: number
  /** Values of an `in`, and parts of an `and` or `or`. Default 1,000. */
  readonly maxListValues?: number
}

/**
 * Checks an operation that came from outside, as parsed JSON. Everything is closed: kinds, words, fields; an operation
 * that passes compiles to bound values and quoted names only. Whether the caller may run it is for others to say.
 *
 * Throws InvalidOperation with the path of the fault: `operation.where.of[2].column must be a name.`
 */
export function parseOperation(json: unknown, limits: OperationLimits = {}): Operation {
  const { maxNodes = 1000, maxDepth = 64, maxRows = 10_000, maxListValues = 1000 } = limits
  checkSize(json, { maxNodes, maxDepth }, ['rows', 'set', 'args'])
  checkOperation(json, maxRows, maxListValues)
  checkMeaning(json)
  return json
}

function checkOperation(json: unknown, maxRows: number, maxListValues: number): asserts json is Operation {
  operationCheck(maxRows, conditionCheck(maxListValues))(json, 'operation')
}

function operationCheck(maxRows: number, where: Check): Check {
  const rows = list(record, { max: maxRows })
  const every = objectOr(where, oneOf('every row'))
  return byKind(
    new Map<Operation['kind'], Check>([
      [
        'select',
        of<Select>({
          ...common('select'),
          columns: needed(outputs),
          where: optional(where),
          order: optional(list(order, { max: 100 })),
          limit: optional(wholeNumber),
          offset: optional(wholeNumber),
          result: needed(objectOr(page, oneOf('rows', 'row', 'first', 'exists'))),
        }),
      ],
      ['count', of<Count>({ ...common('count'), where: optional(where), result: needed(oneOf('count')) })],
      ['insert', of<Insert>({ ...common('insert'), ...written, rows: needed(rows), columns: optional(names) })],
      [
        'upsert',
        of<Upsert>({
          ...common('upsert'),
          ...written,
          rows: needed(rows),
          conflict: needed(names),
          action: needed(oneOf('update', 'ignore', 'get')),
          overwrite: optional(names),
        }),
      ],
      ['update', of<Update>({ ...common('update'), ...written, set: needed(record), where: needed(every) })],
      ['delete', of<Delete>({ ...common('delete'), ...written, where: needed(every) })],
      [
        'call',
        of<Call>({
          ...common('call'),
          args: needed(record),
          variadic: optional(refused),
          types: optional(refused),
          columns: optional(refused),
          where: optional(refused),
          order: optional(refused),
          limit: optional(refused),
          offset: optional(refused),
          result: needed(oneOf('rows', 'row', 'first', 'value', 'none')),
        }),
      ],
    ]),
  )
}

function conditionCheck(maxListValues: number): Check {
  const parts: Check = (value, path) => list(condition, { min: 1, max: maxListValues })(value, path)
  const one: Check = (value, path) => condition(value, path)
  const kind = (word: string) => needed(oneOf(word))
  const column = needed(name)
  const operators = oneOf('eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike')
  const states = oneOf('null', 'not_null', 'true', 'false', 'unknown')
  const condition = byKind(
    new Map<Condition['kind'], Check>([
      ['and', object({ kind: kind('and'), of: needed(parts) })],
      ['or', object({ kind: kind('or'), of: needed(parts) })],
      ['not', object({ kind: kind('not'), of: needed(one) })],
      ['compare', object({ kind: kind('compare'), column, operator: needed(operators), value: needed(text) })],
      ['in', object({ kind: kind('in'), column, values: needed(list(text, { max: maxListValues })) })],
      ['is', object({ kind: kind('is'), column, value: needed(states) })],
    ]),
  )
  return condition
}

const of = <T>(fields: Fields<T>): Check => object(fields)

const refused: Check = (_, path) => {
  throw fault(path, 'left out')
}

const relation = of<Relation>({ schema: optional(name), name: needed(name) })

const output = of<Output>({
  column: needed(name),
  path: optional(refused),
  as: optional(name),
  cast: optional(name),
  aggregate: optional(refused),
  read: optional(oneOf('string', 'number', 'bigint', 'date', 'json')),
  array: optional(oneOf(true)),
})

/** PostgreSQL's own limit of columns in a result is 1,664. */
const names = list(name, { max: 1664 })
const outputList = list(output, { max: 1664 })

const outputs: Check = (value, path) => (value === 'all' ? undefined : outputList(value, path))

const order = of<Order>({
  column: needed(name),
  path: optional(refused),
  embed: optional(refused),
  direction: optional(oneOf('asc', 'desc')),
  nulls: optional(oneOf('first', 'last')),
})

const page = of<Page>({ size: needed(wholeNumber), cursorColumns: needed(wholeNumber) })

const common = (kind: Operation['kind']) => ({ kind: needed(oneOf(kind)), target: needed(relation) })

const written = { returning: optional(outputs), result: needed(oneOf('rows', 'row', 'first', 'count', 'none')) }

/** What the fields must be to each other. */
function checkMeaning(operation: Operation): void {
  const { kind, result } = operation
  if (kind === 'select' && typeof result === 'object') {
    if (result.size < 1) throw fault('operation.result.size', 'at least 1')
    if (result.cursorColumns !== (operation.order?.length ?? 0))
      throw fault('operation.result.cursorColumns', 'the number of ordering columns')
    if (operation.limit !== result.size + 1) throw fault('operation.limit', 'one more than the size of the page')
  }
  const isWrite = kind === 'insert' || kind === 'upsert' || kind === 'update' || kind === 'delete'
  if (isWrite && (result === 'rows' || result === 'row' || result === 'first') && operation.returning === undefined)
    throw fault('operation.returning', `given for the result ${JSON.stringify(result)}`)
}
