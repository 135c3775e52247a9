import type { Reply } from '../http/exchange.ts'
import type { Asked, Form } from '../postgrest/asked.ts'
import { appliedPreferences } from '../postgrest/prefer.ts'
import { notSingular, offsetBeyondEnd } from '../postgrest/refusals.ts'
import { contentRange } from '../query/range.ts'
import { type Said, withSaid } from './said.ts'

/** What the database answered to `compileBody`. */
export interface BodyAnswer {
  /** What PostgreSQL made, passed through untouched; null when nothing was to be returned. */
  readonly body: Uint8Array | null
  readonly rows: number
  readonly total: number | undefined
  /** Rows of an upsert that were not there before. */
  readonly inserted?: number
  /** What functions left for the head of the answer. Absent: nothing. */
  readonly said?: Said
}

export function writeReply(asked: Asked, answer: BodyAnswer): Reply {
  const reply = plainReply(asked, answer)
  return withSaid({ ...reply, headers: { vary: 'Accept, Prefer, Range', ...reply.headers } }, answer.said)
}

function plainReply({ operation, form }: Asked, answer: BodyAnswer): Reply {
  const offset = 'offset' in operation ? (operation.offset ?? 0) : 0
  switch (form.verb) {
    case 'read':
      return readReply(form, answer, offset)
    case 'create':
      return createReply(form, answer, operation.target.name)
    case 'put':
      return putReply(form, answer)
    case 'change':
      return changedReply(form, contentRange(0, answer.rows - 1, countOf(form, answer)), answer)
    case 'remove':
      return changedReply(form, contentRange(1, 0, countOf(form, answer)), answer)
    case 'call':
      return callReply(form, answer, offset)
  }
}

function readReply(form: Form, answer: BodyAnswer, offset: number): Reply {
  if (form.isSingular && answer.rows !== 1) throw notSingular(answer.rows)
  return rangeReply(form, answer, offset)
}

/** Fewer rows than there are, by the count or because the hub's own setting cut them: 206. */
function rangeReply(form: Form, answer: BodyAnswer, offset: number): Reply {
  const { rows, total } = answer
  if (total !== undefined && offset > total) throw offsetBeyondEnd(offset, total)
  const isPart = (total !== undefined && rows < total) || rows === form.cutAt
  return fullReply(isPart ? 206 : 200, form, contentRange(offset, offset + rows - 1, total), answer)
}

/** Only a planner knows how many rows a write would touch, and only counting how many it did. */
function countOf({ count }: Form, { total }: BodyAnswer): number | undefined {
  return count === undefined || count === 'planned' ? undefined : total
}

function createReply(form: Form, answer: BodyAnswer, table: string): Reply {
  const range = contentRange(1, 0, countOf(form, answer))
  const isMerge = form.applied.resolution === 'merge-duplicates'
  const status = isMerge && answer.inserted === 0 ? 200 : 201
  if (form.isSingular && answer.rows !== 1) throw notSingular(answer.rows)
  if (form.body === 'full') return fullReply(status, form, range, answer)
  const location = form.body === 'location' ? locationOf(table, answer) : undefined
  return { status, headers: { ...headersOf(form, range), ...(location === undefined ? {} : { location }) }, body: '' }
}

function putReply(form: Form, answer: BodyAnswer): Reply {
  if (form.body !== 'full') return emptyReply(form)
  return fullReply(answer.inserted === 0 ? 200 : 201, form, undefined, answer)
}

function changedReply(form: Form, range: string, answer: BodyAnswer): Reply {
  if (form.isSingular && answer.rows !== 1) throw notSingular(answer.rows)
  return form.body === 'full' ? fullReply(200, form, range, answer) : emptyReply(form, range)
}

function callReply(form: Form, answer: BodyAnswer, offset: number): Reply {
  const one = { ...answer, rows: 1, ...(answer.total === undefined ? {} : { total: 1 }) }
  const counted = form.isSet === true ? answer : one
  if (form.body === 'none') return emptyReply(form, contentRange(0, 0, counted.total))
  if (form.isSingular && counted.rows !== 1) throw notSingular(counted.rows)
  const isObject = form.isSingular && form.isSet === true
  // A function without a row is null in JSON, and nothing in a type of its own.
  const none = form.format.kind === 'array' ? jsonNull : null
  return rangeReply({ ...form, isSingular: isObject }, { ...counted, body: answer.body ?? none }, offset)
}

function fullReply(status: number, form: Form, range: string | undefined, { body }: BodyAnswer): Reply {
  const { contentType, contentLocation } = form
  const headers = {
    ...headersOf(form, range),
    'content-type': contentType,
    ...(contentLocation === undefined ? {} : { 'content-location': contentLocation }),
    ...profileOf(form),
  }
  if (form.isHead) return { status, headers, body: '' }
  // json_agg of one row is that row's object in brackets, nothing else.
  return { status, headers, body: form.isSingular ? (body?.subarray(1, -1) ?? '') : (body ?? '') }
}

const jsonNull = Buffer.from('null')

function emptyReply(form: Form, range?: string): Reply {
  return { status: 204, headers: headersOf(form, range), body: '' }
}

function headersOf(form: Form, range: string | undefined): Record<string, string> {
  const applied = appliedPreferences(form.applied)
  return {
    ...(range === undefined ? {} : { 'content-range': range }),
    ...(applied === '' ? {} : { 'preference-applied': applied }),
  }
}

/** A schema may be called 日本, which Node refuses in a header: the answer to a write that is done would be lost. */
function profileOf({ profile }: Form): Record<string, string> {
  return profile !== undefined && /^[\x20-\x7e]+$/.test(profile) ? { 'content-profile': profile } : {}
}

/** `/users?id=eq.7`: the answer holds the key of each written row as text. Only one row has a place. */
function locationOf(table: string, { body, rows }: BodyAnswer): string | undefined {
  if (rows !== 1 || body === null) return undefined
  const written: unknown = JSON.parse(Buffer.from(body).toString())
  const row: unknown = Array.isArray(written) ? written[0] : undefined
  if (typeof row !== 'object' || row === null) return undefined
  const conditions = Object.entries(row).map(([column, value]: [string, unknown]) => {
    const condition = typeof value === 'string' ? `eq.${value}` : 'is.null'
    return `${encodeURIComponent(column)}=${encodeURIComponent(condition)}`
  })
  return conditions.length === 0 ? undefined : `/${encodeURIComponent(table)}?${conditions.join('&')}`
}
