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
import { isPlain } from './encode.ts'
import type {
  Aggregate,
  Call,
  CompareOperator,
  Condition,
  Count,
  CountOutput,
  Delete,
  Embed,
  Insert,
  Join,
  JsonPath,
  Operation,
  Order,
  Output,
  Outputs,
  Page,
  Relation,
  Select,
  Update,
  Upsert,
} from './operation.ts'
import { embedsOf, outputsOf } from './output.ts'

/** What an operation from outside may ask for, before anything is done for it. */
export interface OperationLimits {
  /**
   * Objects and lists, those inside rows and arguments not counted: the size of the body bounds them. Default 1,000.
   */
  readonly maxNodes?: number
  /** Levels of nesting, also inside rows. Default 64. */
  readonly maxDepth?: number
  /** Levels of embeds within embeds. Default 10. */
  readonly maxEmbedDepth?: number
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
  const { maxNodes = 1000, maxDepth = 64, maxEmbedDepth = 10, maxRows = 10_000, maxListValues = 1000 } = limits
  checkSize(json, { maxNodes, maxDepth }, ['rows', 'set', 'args'])
  checkOperation(json, maxRows, maxListValues)
  checkEmbedDepth(outputsOf(json), maxEmbedDepth)
  checkMeaning(json)
  return json
}

function checkOperation(json: unknown, maxRows: number, maxListValues: number): asserts json is Operation {
  operationCheck(maxRows, partsCheck(maxListValues))(json, 'operation')
}

/** The checks that contain each other: an embed holds outputs, conditions and orders, and outputs hold embeds. */
interface Parts {
  readonly outputs: Check
  readonly condition: Check
  readonly orders: Check
}

function operationCheck(maxRows: number, parts: Parts): Check {
  const rows = list(record, { max: maxRows })
  const every = objectOr(parts.condition, oneOf('every row'))
  const read = readFields(parts)
  const written = {
    returning: optional(parts.outputs),
    order: optional(parts.orders),
    result: needed(oneOf('rows', 'row', 'first', 'count', 'none')),
  }
  return byKind(
    new Map<Operation['kind'], Check>([
      [
        'select',
        of<Select>({
          ...common('select'),
          ...read,
          columns: needed(parts.outputs),
          result: needed(objectOr(page, oneOf('rows', 'row', 'first', 'exists'))),
        }),
      ],
      [
        'count',
        of<Count>({
          ...common('count'),
          columns: optional(parts.outputs),
          where: read.where,
          result: needed(oneOf('count')),
        }),
      ],
      [
        'insert',
        of<Insert>({ ...common('insert'), ...written, rows: needed(rows), columns: optional(names), parse: ours }),
      ],
      [
        'upsert',
        of<Upsert>({
          ...common('upsert'),
          ...written,
          rows: needed(rows),
          parse: ours,
          columns: optional(names),
          where: read.where,
          conflict: needed(names),
          action: needed(oneOf('update', 'ignore', 'get')),
          overwrite: optional(names),
        }),
      ],
      [
        'update',
        of<Update>({
          ...common('update'),
          ...written,
          set: needed(record),
          parse: ours,
          defaults: optional(names),
          where: needed(every),
        }),
      ],
      ['delete', of<Delete>({ ...common('delete'), ...written, where: needed(every) })],
      [
        'call',
        of<Call>({
          ...common('call'),
          ...read,
          args: needed(record),
          variadic: optional(name),
          types: ours,
          columns: optional(parts.outputs),
          result: needed(oneOf('rows', 'row', 'first', 'value', 'none')),
        }),
      ],
    ]),
  )
}

/** Types as they stand in the statement, and functions that it calls: never taken from a request. */
const ours = optional((_, path) => {
  throw fault(path, 'left out')
})

function readFields({ condition, orders }: Parts): Pick<Fields<Select>, 'where' | 'order' | 'limit' | 'offset'> {
  return {
    where: optional(condition),
    order: optional(orders),
    limit: optional(wholeNumber),
    offset: optional(wholeNumber),
  }
}

function partsCheck(maxListValues: number): Parts {
  const condition = conditionCheck(maxListValues)
  const orders = list(order, { max: 100 })
  const outputs: Check = (value, path) => (value === 'all' ? undefined : outputList(value, path))
  const embed = of<Embed>({
    ...readFields({ outputs, condition, orders }),
    embed: needed(relation),
    as: needed(name),
    join: needed(join),
    rows: needed(oneOf('one', 'many')),
    isInner: optional(oneOf(true)),
    isSpread: optional(oneOf(true)),
    columns: needed(outputs),
  })
  const outputList = list(
    (value, path) => {
      if (isPlain(value) && Object.hasOwn(value, 'embed')) embed(value, path)
      else if (isPlain(value) && Object.hasOwn(value, 'count')) countOutput(value, path)
      else output(value, path)
    },
    { max: maxColumns },
  )
  return { outputs, condition, orders }
}

function conditionCheck(maxListValues: number): Check {
  const parts: Check = (value, path) => list(condition, { min: 1, max: maxListValues })(value, path)
  const one: Check = (value, path) => condition(value, path)
  const kind = (word: string) => needed(oneOf(word))
  const values = needed(list(text, { max: maxListValues }))
  const states = oneOf('null', 'not_null', 'true', 'false', 'unknown')
  const condition = byKind(
    new Map<Condition['kind'], Check>([
      ['and', object({ kind: kind('and'), of: needed(parts) })],
      ['or', object({ kind: kind('or'), of: needed(parts) })],
      ['not', object({ kind: kind('not'), of: needed(one) })],
      [
        'compare',
        object({
          kind: kind('compare'),
          ...place,
          operator: needed(operators),
          value: needed(text),
          parse: ours,
        }),
      ],
      [
        'compare each',
        object({
          kind: kind('compare each'),
          ...place,
          operator: needed(operators),
          quantifier: needed(oneOf('any', 'all')),
          values,
          parse: ours,
        }),
      ],
      ['in', object({ kind: kind('in'), ...place, values, parse: ours })],
      ['is', object({ kind: kind('is'), ...place, value: needed(states) })],
      [
        'search',
        object({
          kind: kind('search'),
          ...place,
          query: needed(oneOf('fts', 'plfts', 'phfts', 'wfts')),
          language: optional(name),
          value: needed(text),
          of: optional(oneOf('text')),
        }),
      ],
      ['embedded', object({ kind: kind('embedded'), embed: needed(name), value: needed(oneOf('null', 'not_null')) })],
    ]),
  )
  return condition
}

const of = <T>(fields: Fields<T>): Check => object(fields)

const operators = oneOf<CompareOperator>(
  ...(['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'match', 'imatch', 'isdistinct'] as const),
  ...(['cs', 'cd', 'ov', 'sl', 'sr', 'nxr', 'nxl', 'adj'] as const),
)

const relation = of<Relation>({ schema: optional(name), name: needed(name) })

/** Steps into a json value; PostgreSQL itself has no limit, and 64 is the depth of what may be sent. */
const path = of<JsonPath>({
  steps: needed(list(text, { min: 1, max: 64 })),
  as: needed(oneOf('json', 'text')),
  of: optional(oneOf('row')),
})

const place = { column: needed(name), path: optional(path) }

const aggregate = of<Aggregate>({ name: needed(oneOf('avg', 'count', 'max', 'min', 'sum')), cast: optional(name) })

const output = of<Output>({
  ...place,
  as: optional(name),
  format: ours,
  cast: optional(name),
  aggregate: optional(aggregate),
  read: optional(oneOf('string', 'number', 'bigint', 'date', 'json')),
  array: optional(oneOf(true)),
})

const countOutput = of<CountOutput>({ count: needed(oneOf('rows')), as: optional(name), cast: optional(name) })

/** Columns of a foreign key: PostgreSQL has at most 32. */
const pairs = list(list(name, { min: 2, max: 2 }), { min: 1, max: 32 })

const join = byKind(
  new Map<Join['kind'], Check>([
    ['columns', object({ kind: needed(oneOf('columns')), on: needed(pairs) })],
    [
      'through',
      object({ kind: needed(oneOf('through')), relation: needed(relation), on: needed(pairs), to: needed(pairs) }),
    ],
    ['function', object({ kind: needed(oneOf('function')), function: needed(relation) })],
  ]),
)

/** PostgreSQL's own limit of columns in a result. */
const maxColumns = 1664
const names = list(name, { max: maxColumns })

const order = of<Order>({
  ...place,
  embed: optional(name),
  direction: optional(oneOf('asc', 'desc')),
  nulls: optional(oneOf('first', 'last')),
})

const page = of<Page>({ size: needed(wholeNumber), cursorColumns: needed(wholeNumber) })

const common = (kind: Operation['kind']) => ({ kind: needed(oneOf(kind)), target: needed(relation) })

function checkEmbedDepth(columns: Outputs, most: number, depth = 1): void {
  const embeds = embedsOf(columns)
  if (embeds.length > 0 && depth > most) throw fault('operation', `made of embeds at most ${most} deep`)
  for (const embed of embeds) checkEmbedDepth(embed.columns, most, depth + 1)
}

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
