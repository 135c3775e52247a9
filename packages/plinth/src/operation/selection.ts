import { isPlain } from './encode.ts'
import type { Embed, Outputs } from './operation.ts'
import { orderOf, withoutNotNull } from './order.ts'
import { invalidOperation } from './invalid-operation.ts'
import { type AnyOutput, withEmbeds } from './output.ts'
import { columnOf, outputsOf, type Related, type Shape } from './shape.ts'
import { askedOf } from './where.ts'

/** Reads the caller's `select`: a list of columns, or an object of columns and relations. */
export function selectionOf(shape: Shape, select: unknown): Outputs {
  if (select === undefined) return outputsOf(shape)
  if (Array.isArray(select)) return outputsOf(shape, select.map(String))
  if (!isPlain(select) || Object.keys(select).length === 0)
    throw invalidOperation('`select` is a list of columns, or an object: { title: true, author: { name: true } }.')
  return Object.entries(select).flatMap(([key, asked]) => partOf(shape, key, asked))
}

function partOf(shape: Shape, key: string, asked: unknown): AnyOutput[] {
  const related = shape.related?.get(key)
  if (related) return [embedOf(key, related(), asked)]
  const { key: property } = columnOf(shape, key)
  if (asked !== true) throw invalidOperation(`${JSON.stringify(key)} is a column of ${shape.target.name}: say true.`)
  const columns = outputsOf(shape, [property])
  return columns === 'all' ? [] : [...columns]
}

/** Of a relation: all its columns, some of them, or a pair of that and options. */
function embedOf(as: string, { shape, rows, join }: Related, asked: unknown): Embed {
  const pair: readonly unknown[] = Array.isArray(asked) ? asked : [asked, {}]
  const [select, options] = pair
  if (!isPlain(options)) throw invalidOperation(`The options of ${JSON.stringify(as)} must be an object.`)
  const { where, embeds } = askedOf(shape, options['where'] ?? {})
  const columns = withEmbeds(selectionOf(shape, select === true ? undefined : select), embeds)
  const range = nestedRange(as, shape, rows, options)
  return { embed: shape.target, as, join, rows, columns, ...(where && { where }), ...range }
}

const known: ReadonlySet<string> = new Set(['where', 'order', 'limit', 'offset'])

function nestedRange(
  as: string,
  shape: Shape,
  rows: Related['rows'],
  options: Readonly<Record<string, unknown>>,
): Pick<Embed, 'order' | 'limit' | 'offset'> {
  const unknown = Object.keys(options).find((key) => !known.has(key) || (rows === 'one' && key !== 'where'))
  if (unknown !== undefined) {
    const takes = rows === 'one' ? 'is one: it takes `where`' : 'are many: it takes where, order, limit and offset'
    throw invalidOperation(`${JSON.stringify(unknown)} is no option of ${JSON.stringify(as)}, of which there ${takes}.`)
  }
  const { order, limit, offset } = options
  return {
    ...(order !== undefined && { order: orderOf(shape, order).map(withoutNotNull) }),
    ...(limit !== undefined && { limit: numberOfRows('limit', as, limit) }),
    ...(offset !== undefined && { offset: numberOfRows('offset', as, offset) }),
  }
}

function numberOfRows(name: string, as: string, value: unknown): number {
  if (typeof value === 'number') return value
  throw invalidOperation(`${name} of ${JSON.stringify(as)} must be a number of rows.`)
}
