import { invalidOperation } from '../operation/invalid-operation.ts'
import type { Condition, Embed, Field, Order, Outputs } from '../operation/operation.ts'
import { embedsOf, isColumn, isEmbed, readsNothing } from '../operation/output.ts'
import { listed } from './closed-lists.ts'
import { type Conditioned, condition } from './conditions.ts'
import type { Context, Source } from './context.ts'
import { type Embedded, manyRows, oneRow, type Rows, spreadMany, spreadOne } from './embeds.ts'
import { field, isSameField } from './fields.ts'
import { belonging } from './joins.ts'
import { columnItem, countItem, groupClause, isGrouped, type Item } from './outputs.ts'

/** What is asked of the rows of one source: the operation's own, or those of an embed. */
export interface Level {
  readonly columns: Outputs
  readonly where?: Condition
  readonly order?: readonly Order[]
  readonly limit?: number
  readonly offset?: number
}

export interface ReadRows extends Rows {
  /** FROM and WHERE, for whoever counts the rows that limit and offset leave out. */
  readonly matching: string
}

interface Reading extends Context {
  readonly level: Level
  readonly source: Source
  /** Conditions besides those of the level. */
  readonly on: readonly string[]
  /** The rows are spread among others, which do the grouping: only one row of them belongs to each. */
  readonly isSpread: boolean
  /** Rows that are alike become one, here or in the rows that these are spread among. */
  readonly isGrouped: boolean
}

/** The SELECT of a level over its source. */
export function readRows(level: Level, source: Source, context: Context): ReadRows {
  return read({ ...context, level, source, on: [], isSpread: false, isGrouped: isGrouped(level.columns) })
}

function read(reading: Reading): ReadRows {
  const { source, isSpread } = reading
  const embeds = new Map(embedsOf(reading.level.columns).map((embed) => [embed, readEmbed(embed, reading)]))
  const items = itemsOf(reading, embeds)
  const [everyJoin, deciding] = joinsOf(embeds)
  const where = whereClause(reading, embeds)
  const group = isSpread ? '' : groupClause(items)
  const end = group + orderClause(reading, items, embeds) + limitClause(reading.level, reading)
  return {
    items,
    matching: ` from ${source.from}${deciding}${where}`,
    select: (list) => `select${list && ` ${list}`} from ${source.from}${everyJoin}${where}${end}`,
  }
}

type Embeds = ReadonlyMap<Embed, Embedded>

function readEmbed(embed: Embed, ours: Reading): Embedded {
  if (readsNothing(embed)) return { items: [] }
  const { on, source } = belonging(embed, ours.source, ours)
  const isSpread = embed.isSpread === true && embed.rows === 'one'
  const grouped = isGrouped(embed.columns) || (isSpread && ours.isGrouped)
  // One row needs no limit, which would keep the planner from joining it as it likes.
  const level = embed.rows === 'one' ? embed : limited(embed, ours)
  const rows = read({ ...ours, level, source, on, isSpread, isGrouped: grouped })
  if (embed.rows === 'one') return embed.isSpread ? spreadOne(embed, rows, ours) : oneRow(embed, rows, ours)
  return embed.isSpread ? spreadMany(embed, rows, ours) : manyRows(embed, rows, ours)
}

/** No more rows than a list may have. */
export function limited(level: Level, { maxRows }: Pick<Context, 'maxRows'>): Level {
  const limit = Math.min(level.limit ?? Infinity, maxRows)
  return limit === Infinity ? level : { ...level, limit }
}

function itemsOf({ level, source, ...context }: Reading, embeds: Embeds): readonly Item[] {
  if (level.columns === 'all') return [{ value: source.star }]
  return level.columns.flatMap((output) => {
    if (isEmbed(output)) return embeds.get(output)?.items ?? []
    return isColumn(output) ? columnItem(output, source.alias, context) : countItem(output)
  })
}

/** All joins, and those without which there would be more rows. */
function joinsOf(embeds: Embeds): readonly [every: string, deciding: string] {
  const all = [...embeds]
  const text = (of: typeof all): string => of.map(([, { join = '' }]) => join).join('')
  return [text(all), text(all.filter(([embed]) => decidesByJoin(embed)))]
}

function decidesByJoin(embed: Embed): boolean {
  return embed.isInner === true && embed.rows === 'one' && !readsNothing(embed)
}

function whereClause(reading: Reading, embeds: Embeds): string {
  const needed = [...embeds.keys()].filter((embed) => embed.isInner && !decidesByJoin(embed))
  return whereAll(conditions(reading.level, reading.source, reading, reading.on, needed))
}

function whereAll(parts: readonly string[]): string {
  return parts.length === 0 ? '' : ` where ${parts.join(' and ')}`
}

/** What must hold for a row: that it belongs, that it has rows in the embeds that must have some, what was asked. */
function conditions(
  { columns, where }: Level,
  source: Source,
  context: Context,
  on: readonly string[],
  needed: readonly Embed[],
): string[] {
  const having = needed.map((embed) => hasRows(embed, source, context))
  const inner = embedsOf(columns).filter(({ isInner }) => isInner)
  const open = where && undecided(where, new Set(inner.map(({ as }) => notNull(as))))
  const asked = open === undefined ? [] : [condition(open, conditioned(columns, source, context), context)]
  return [...on, ...having, ...asked]
}

/**
 * The condition without the tests of embeds in `decided`, and each other one once: PostgreSQL would plan the whole
 * embed again for each. Undefined when nothing is left. Only what must hold as a whole is looked at: not within `or`.
 */
function undecided(where: Condition, decided: Set<string>): Condition | undefined {
  if (where.kind === 'and' && where.of.length > 0) {
    const of = where.of.flatMap((part) => undecided(part, decided) ?? [])
    return of.length === 0 ? undefined : { kind: 'and', of }
  }
  const tested = embedTest(where)
  if (tested === undefined) return where
  if (decided.has(tested)) return undefined
  decided.add(tested)
  return where
}

/** What a condition says of an embed, the same however it is spelled: `is.null` denied is `is.not_null`. */
function embedTest(where: Condition, isDenied = false): string | undefined {
  if (where.kind === 'not') return embedTest(where.of, !isDenied)
  if (where.kind !== 'embedded') return undefined
  return (where.value === 'null') === isDenied ? notNull(where.embed) : `null ${where.embed}`
}

const notNull = (embed: string): string => `not_null ${embed}`

/** What conditions on a row of this source can be about. */
export function conditioned(columns: Outputs, source: Source, context: Context): Conditioned {
  return { alias: source.alias, hasRowsIn: (name) => hasRows(embedNamed(name, columns), source, context) }
}

/** FROM and WHERE alone, for whoever only counts. */
export function matchingRows(level: Level, source: Source, context: Context): string {
  const needed = embedsOf(level.columns).filter(({ isInner }) => isInner)
  return ` from ${source.from}${whereAll(conditions(level, source, context, [], needed))}`
}

/** `exists (…)`: the planner can turn it into a join, or stop at the first row. */
function hasRows(embed: Embed, ours: Source, context: Context): string {
  const { on, source } = belonging(embed, ours, context)
  const needed = embedsOf(embed.columns).filter(({ isInner }) => isInner)
  const where = whereAll(conditions(embed, source, context, on, needed))
  return `exists (select from ${source.from}${where}${limitClause(embed, context)})`
}

function embedNamed(name: string, columns: Outputs): Embed {
  const embed = embedsOf(columns).find(({ as }) => as === name)
  if (embed === undefined) throw invalidOperation(`There is no embed named ${JSON.stringify(name)} here.`)
  return embed
}

const directions = { asc: '', desc: ' desc' } as const
const nullsPlaces = { first: ' nulls first', last: ' nulls last' } as const

function orderClause(reading: Reading, items: readonly Item[], embeds: Embeds): string {
  const { order = [] } = reading.level
  if (order.length === 0) return ''
  const terms = order.map((term) => {
    const { direction = 'asc', nulls } = term
    const place = nulls === undefined ? '' : listed(nullsPlaces, nulls)
    return orderedValue(term, reading, items, embeds) + listed(directions, direction) + place
  })
  return ` order by ${terms.join(', ')}`
}

function orderedValue(term: Order, reading: Reading, items: readonly Item[], embeds: Embeds): string {
  const { source, bind, isGrouped: grouped, level } = reading
  if (term.embed !== undefined) return relatedValue(term, embedNamed(term.embed, level.columns), reading, embeds)
  // A bound path written again is another expression to PostgreSQL, and no longer one of those grouped by.
  const place = grouped ? items.findIndex((item) => !item.shown && item.field && isSameField(item.field, term)) : -1
  return place < 0 ? field(term, source.alias, bind) : String(place + 1)
}

/** A column of the one row joined, or looked up where it is not read. */
function relatedValue(term: Order, embed: Embed, reading: Reading, embeds: Embeds): string {
  if (embed.rows !== 'one')
    throw invalidOperation(`Rows cannot be ordered by ${JSON.stringify(embed.as)}, of which each may have many.`)
  const joined = embeds.get(embed)?.column?.(term)
  if (joined !== undefined) return joined
  const { on, source } = belonging(embed, reading.source, reading)
  const where = whereAll(conditions(embed, source, reading, on, []))
  return `(select ${field(readAs(term, embed), source.alias, reading.bind)} from ${source.from}${where})`
}

/** A name that a column has in the embed means that column, as where the joined row is ordered by. */
function readAs({ column, path }: Order, { columns }: Embed): Field {
  const named = columns === 'all' || path ? undefined : columns.filter(isColumn).find(({ as }) => as === column)
  return named ?? { column, ...(path && { path }) }
}

/** ` limit $3 offset $4`. The common `limit 1` is written out: the planner then knows it, also in a generic plan. */
export function limitClause(
  { limit, offset }: Pick<Level, 'limit' | 'offset'>,
  { bind }: Pick<Context, 'bind'>,
): string {
  const rows = limit === undefined ? '' : ` limit ${limit === 1 ? '1' : bind(rowNumber('limit', limit))}`
  return offset === undefined || offset === 0 ? rows : `${rows} offset ${bind(rowNumber('offset', offset))}`
}

function rowNumber(name: string, value: number): string {
  if (Number.isSafeInteger(value) && value >= 0) return String(value)
  throw invalidOperation(`${name} must be a whole number of rows, not ${String(value)}.`)
}
