import { conditionText, isPlain } from './encode.ts'
import type { Scalar } from './scalar-text.ts'
import type { CompareOperator, Condition, Embed } from './operation.ts'
import type { Relationship } from './related-types.ts'
import { invalidOperation } from './invalid-operation.ts'
import { type Column, columnOf, type Related, type Shape } from './shape.ts'

/** The single values of a column, as a condition compares them. */
type Tested<V> = unknown extends V ? Scalar : Extract<V, Scalar>

/** What can be asked of one column; several tests must all hold. */
export interface Tests<V> {
  readonly eq?: V | null
  readonly neq?: V | null
  readonly gt?: V
  readonly gte?: V
  readonly lt?: V
  readonly lte?: V
  readonly like?: string
  readonly ilike?: string
  readonly in?: readonly V[]
  readonly notIn?: readonly V[]
}

/**
 * Which rows: `{ age: { gte: 18 }, name: 'Ada', or: [{ email: null }, { email: { like: '%@x.org' } }] }`. All parts
 * must hold; null means `is null`. As in SQL, `neq`, `notIn` and `not` leave out rows where the column is null.
 *
 * A relation is asked whether it has a row like that, `{ posts: { title: 'Notes' } }`, any row, `{ posts: {} }`, or
 * none, `{ posts: null }`.
 *
 * `and`, `or` and `not` are these words even in a table that has a column of that name.
 */
export type Where<Row, Related = object> = string extends keyof Row
  ? { readonly [column: string]: unknown }
  : { readonly [K in keyof Row]?: Tested<Row[K]> | Extract<Row[K], null> | Tests<Tested<Row[K]>> } & {
      readonly [K in keyof Related]?: Related[K] extends Relationship
        ? Where<Related[K]['row'], Related[K]['related']> | null
        : never
    } & {
      readonly and?: readonly Where<Row, Related>[]
      readonly or?: readonly Where<Row, Related>[]
      readonly not?: Where<Row, Related>
    }

const comparisons: ReadonlySet<string> = new Set(['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike'])

function isComparison(word: string): word is CompareOperator {
  return comparisons.has(word)
}

/** A condition on the rows that are read, and the embeds that it asks about, which add nothing to them. */
export interface Asked {
  readonly where?: Condition
  readonly embeds: readonly Embed[]
}

/** Reads the caller's form of a condition on columns and related rows. */
export function askedOf(shape: Shape, where: unknown): Asked {
  const embeds: Embed[] = []
  const condition = conditionOf(shape, where, embeds)
  return { ...(condition && { where: condition }), embeds }
}

/** Undefined when there is none. Related rows can be asked about where `embeds` takes what is asked of them. */
function conditionOf(shape: Shape, where: unknown, embeds?: Embed[]): Condition | undefined {
  if (!isPlain(where)) throw invalidOperation(`A condition on ${shape.target.name} must be an object of columns.`)
  const parts = Object.entries(where).map(([key, value]) => partOf(shape, key, value, embeds))
  return parts.length === 0 ? undefined : all(parts)
}

/** For writes and inside `and`, `or`, `not`: there an empty condition would mean every row. */
export function neededCondition(shape: Shape, where: unknown, hint: string, embeds?: Embed[]): Condition {
  const condition = conditionOf(shape, where, embeds)
  if (condition) return condition
  throw invalidOperation(`The condition on ${shape.target.name} is empty, which would mean every row.`, hint)
}

/** The row with this key: the value itself, or for a composite key an object of exactly the key's columns. */
export function keyCondition(shape: Shape, key: unknown): Condition {
  const [only] = shape.key
  if (only === undefined)
    throw invalidOperation(`${shape.target.name} has no primary key; use the methods that take a condition.`)
  const parts: Readonly<Record<string, unknown>> | undefined = isPlain(key)
    ? key
    : shape.key.length === 1
      ? Object.fromEntries([[only, key]])
      : undefined
  const isWhole =
    parts && Object.keys(parts).length === shape.key.length && shape.key.every((name) => Object.hasOwn(parts, name))
  if (!isWhole) throw invalidOperation(`The key of ${shape.target.name} is { ${shape.key.join(', ')} }.`)
  return all(shape.key.map((name) => compare(columnOf(shape, name), 'eq', parts[name])))
}

function partOf(shape: Shape, key: string, value: unknown, embeds: Embed[] | undefined): Condition {
  if (key === 'not') return { kind: 'not', of: neededCondition(shape, value, 'Leave `not` out.', embeds) }
  if (key !== 'and' && key !== 'or') {
    const related = embeds && shape.related?.get(key)
    return related ? relatedCondition(key, related(), value, embeds) : columnCondition(columnOf(shape, key), value)
  }
  if (!Array.isArray(value) || value.length === 0)
    throw invalidOperation(`\`${key}\` takes a list of at least one condition.`)
  return {
    kind: key,
    of: value.map((part: unknown) => neededCondition(shape, part, `Leave the empty part of \`${key}\` out.`, embeds)),
  }
}

/** Each has an embed of its own, under a name that no relation has. */
function relatedCondition(key: string, { shape, rows, join }: Related, value: unknown, embeds: Embed[]): Condition {
  const as = `${key}, asked ${embeds.length + 1}`
  const { where, embeds: columns } = askedOf(shape, value ?? {})
  embeds.push({ embed: shape.target, as, join, rows, columns, ...(where && { where }) })
  return { kind: 'embedded', embed: as, value: value === null ? 'null' : 'not_null' }
}

function columnCondition(column: Column, value: unknown): Condition {
  if (value === null) return { kind: 'is', column: column.name, value: 'null' }
  if (!isPlain(value)) return compare(column, 'eq', value)
  const tests = Object.entries(value).map(([word, operand]) => test(column, word, operand))
  if (tests.length === 0) throw invalidOperation(`The condition on ${JSON.stringify(column.key)} holds no test.`)
  return all(tests)
}

function test(column: Column, word: string, operand: unknown): Condition {
  if (word === 'in') return within(column, operand)
  if (word === 'notIn') return { kind: 'not', of: within(column, operand) }
  if (!isComparison(word))
    throw invalidOperation(
      `${JSON.stringify(word)} is no test of a column.`,
      `Tests: ${[...comparisons].join(', ')}, in, notIn.`,
    )
  if (operand !== null) return compare(column, word, operand)
  if (word === 'eq') return { kind: 'is', column: column.name, value: 'null' }
  if (word === 'neq') return { kind: 'is', column: column.name, value: 'not_null' }
  throw invalidOperation(`Nothing is ${word} null: the condition on ${JSON.stringify(column.key)} can never hold.`)
}

function within(column: Column, operand: unknown): Condition {
  if (!Array.isArray(operand)) throw invalidOperation(`\`in\` on ${JSON.stringify(column.key)} takes a list.`)
  return { kind: 'in', column: column.name, values: operand.map((item: unknown) => conditionText(item, column.key)) }
}

function compare(column: Column, operator: CompareOperator, value: unknown): Condition {
  return { kind: 'compare', column: column.name, operator, value: conditionText(value, column.key) }
}

/** The parts, of which there is at least one, as one condition. */
export function all(parts: readonly Condition[]): Condition {
  const [first] = parts
  return first !== undefined && parts.length === 1 ? first : { kind: 'and', of: parts }
}
