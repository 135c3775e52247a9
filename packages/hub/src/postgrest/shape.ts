import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Condition, Outputs, Select } from 'plinth'
import type { Catalog } from 'plinth/operation'
import type { HubRequest, Reply } from '../http/exchange.ts'
import { encodeForm } from '../query/canonical-query.ts'
import { isReserved } from '../query/parameters.ts'
import { decodePart } from '../query/url.ts'
import type { Asked, Compare } from './asked.ts'
import type { Settings } from './envelope.ts'
import { readRequest } from './request.ts'

/** Reads a request as `readRequest` does, and remembers reads of tables that come again with other values. */
export type Reader = (request: HubRequest, catalog: Catalog) => Asked | Reply

/** A longer URL hardly comes again. */
const longestUrl = 2048
/** Characters of keys, and of operations as JSON. */
const mostKept = 16_777_216

/**
 * Looking up names and writing SQL took a third of the CPU of a read by key (55 of 166 µs, 2026-11). So from its second
 * time on a read is remembered by its shape, and each later one of that shape is a copy with its own values.
 */
export function createReader(settings: Settings): Reader {
  const kept = new LRUCache<string, Remembered | 'seen'>({
    maxSize: mostKept,
    sizeCalculation: (one, key) => key.length + (one === 'seen' ? 0 : one.size),
  })
  const numberOf = numbered()
  return (request, catalog) => {
    const cut = cutRequest(request)
    if (cut === undefined) return readRequest(request, catalog, settings)
    const key = `${numberOf(catalog)}\n${cut.key}`
    const known = kept.get(key)
    const recalled = typeof known === 'object' ? recall(known, cut.values) : undefined
    if (recalled) return recalled
    const asked = readRequest(cut.withValues(cut.values), catalog, settings)
    if (isSelect(asked)) kept.set(key, known === 'seen' ? remember(cut, catalog, settings) : 'seen')
    return asked
  }
}

function numbered(): (object: object) => number {
  const numbers = new WeakMap<object, number>()
  let last = 0
  return (object) => {
    const number = numbers.get(object) ?? ++last
    numbers.set(object, number)
    return number
  }
}

interface CutRequest {
  /** All that decides how the request is read, but for its values. */
  readonly key: string
  /** Still encoded. */
  readonly values: readonly string[]
  /** The request as far as the key says it: nothing else can decide how it is read. */
  readonly withValues: (values: readonly string[]) => HubRequest
}

/** A column, maybe of an embed and with a place in its JSON, spelled in the one way that is also how it is read. */
const plainName = /^[\p{L}\p{N}_$.>-]+$/u
/** Behind these operators everything is the value. */
const plainOperator = /^(?:not\.)?(?:eq|neq|gte?|lte?)\./
const heeded = ['accept', 'accept-profile', 'prefer', 'range'] as const

/** Undefined for what is not remembered. */
function cutRequest({ method, url, headers }: HubRequest): CutRequest | undefined {
  const isRead = method === 'GET' || method === 'HEAD'
  if (!isRead || url.length > longestUrl || url.startsWith('/rpc')) return undefined
  const { pieces, values } = cutUrl(url)
  const said = heeded.map((name) => headers.get(name) ?? '')
  return {
    key: [method, ...said, ...pieces].join('\n'),
    values,
    withValues: (others) => ({
      method,
      url: pieces.map((piece, i) => piece + (others[i] ?? '')).join(''),
      headers: new Map(heeded.flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? '']] : []))),
      body: new Uint8Array(),
    }),
  }
}

/** The URL around the values of plain filters: one piece more than there are values. */
function cutUrl(url: string): { readonly pieces: readonly string[]; readonly values: readonly string[] } {
  const [pieces, values]: [string[], string[]] = [[], []]
  let from = 0
  let at = url.indexOf('?') + 1
  while (at > 0) {
    const next = url.indexOf('&', at)
    const end = next < 0 ? url.length : next
    const start = valueStart(url.slice(at, end))
    if (start > 0) {
      pieces.push(url.slice(from, at + start))
      values.push(url.slice(at + start, end))
      from = end
    }
    at = next + 1
  }
  return { pieces: [...pieces, url.slice(from)], values }
}

/** Where the value of a plain filter begins, behind `age=not.gte.`; 0 for another parameter. */
function valueStart(parameter: string): number {
  const equals = parameter.indexOf('=')
  const [name = ''] = decoded([parameter.slice(0, Math.max(equals, 0))]) ?? []
  const [column = ''] = name.split('->', 1)
  if (!plainName.test(name) || isReserved(column)) return 0
  const [operator = ''] = plainOperator.exec(parameter.slice(equals + 1)) ?? []
  return operator === '' ? 0 : equals + 1 + operator.length
}

interface Remembered {
  readonly asked: SelectAsked
  /** The index of a value by its mark. */
  readonly indexes: ReadonlyMap<string, number>
  /** Texts, and at odd places the index of the value between them. */
  readonly location: readonly string[]
  readonly size: number
}

type SelectAsked = Asked & { readonly operation: Select }

function isSelect(asked: Asked | Reply): asked is SelectAsked {
  return 'operation' in asked && asked.operation.kind === 'select'
}

/** Stands for a value; no client can know it. */
const secret = randomBytes(12).toString('hex')
const mark = (index: number): string => `${secret}${index}v`
const marks = new RegExp(`${secret}(\\d+)v`)

function remember(cut: CutRequest, catalog: Catalog, settings: Settings): Remembered | 'seen' {
  const marked = cut.values.map((_, i) => mark(i))
  const asked = readRequest(cut.withValues(marked), catalog, settings)
  if (!isSelect(asked) || !holdsEach(marked, asked.operation)) return 'seen'
  const location = (asked.form.contentLocation ?? '').split(marks)
  const indexes = new Map(marked.map((one, i) => [one, i]))
  return { asked, indexes, location, size: JSON.stringify(asked).length }
}

/** A value that is in no condition would not be this request's own. */
function holdsEach(marked: readonly string[], operation: Select): boolean {
  const found = new Set<string>()
  fillLevel(operation, (condition) => {
    found.add(condition.value)
    return condition
  })
  return marked.every((one) => found.has(one))
}

/** Undefined where the values cannot be decoded: the error is that of a reading anew. */
function recall(known: Remembered, encoded: readonly string[]): Asked | undefined {
  const values = decoded(encoded)
  if (values === undefined) return undefined
  const { operation, form } = known.asked
  const conditions: Compare[] = []
  const filled = fillLevel(operation, (condition) => {
    const index = known.indexes.get(condition.value)
    if (index === undefined) return condition
    const own = { ...condition, value: values[index] ?? '' }
    conditions[index] = own
    return own
  })
  const contentLocation = known.location
    .map((text, i) => (i % 2 === 0 ? text : encodeForm(values[Number(text)] ?? '')))
    .join('')
  return { operation: filled, form: { ...form, contentLocation }, shape: { of: known, conditions } }
}

function decoded(values: readonly string[]): readonly string[] | undefined {
  try {
    return values.map(decodePart)
  } catch {
    return undefined
  }
}

type Fill = (condition: Compare) => Compare

function fillLevel<L extends { readonly columns: Outputs; readonly where?: Condition }>(level: L, fill: Fill): L {
  const { where } = level
  const columns = fillOutputs(level.columns, fill)
  return { ...level, columns, ...(where && { where: fillCondition(where, fill) }) }
}

function fillOutputs(columns: Outputs, fill: Fill): Outputs {
  if (columns === 'all' || !columns.some((output) => 'embed' in output)) return columns
  return columns.map((output) => ('embed' in output ? fillLevel(output, fill) : output))
}

function fillCondition(where: Condition, fill: Fill): Condition {
  switch (where.kind) {
    case 'and':
    case 'or':
      return { ...where, of: where.of.map((part) => fillCondition(part, fill)) }
    case 'not':
      return { ...where, of: fillCondition(where.of, fill) }
    case 'compare':
      return fill(where)
    default:
      return where
  }
}
