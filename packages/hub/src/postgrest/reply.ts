import type { Reply } from '../exchange.ts'
import type { Asked, Form } from './asked.ts'
import { appliedPreferences } from './prefer.ts'
import { contentRange } from './range.ts'
import { notSingular, offsetBeyondEnd } from './refusals.ts'

/** What the database answered to `compileBody`. */
export interface BodyAnswer {
  /** What PostgreSQL made, passed through untouched; null when nothing was to be returned. */
  readonly body: Uint8Array | null
  readonly rows: number
  readonly total: number | undefined
  /** What functions left in `response.headers` (JSON) and `response.status`. Absent: nothing. */
  readonly said?: { readonly headers?: string; readonly status?: string }
}

export function writeReply({ operation, form }: Asked, answer: BodyAnswer): Reply {
  switch (form.verb) {
    case 'read':
      return readReply(form, answer, 'offset' in operation ? (operation.offset ?? 0) : 0)
    case 'create':
      return createReply(form, answer, operation.target.name)
    case 'change':
      return changedReply(form, contentRange(0, answer.rows - 1, answer.total), answer)
    case 'remove':
      return changedReply(form, contentRange(1, 0, answer.total), answer)
    case 'call':
      return callReply(form, answer)
  }
}

function readReply(form: Form, answer: BodyAnswer, offset: number): Reply {
  const { rows, total } = answer
  if (form.isSingular && rows !== 1) throw notSingular(rows)
  if (total !== undefined && offset > total) throw offsetBeyondEnd(offset, total)
  const status = total !== undefined && rows < total ? 206 : 200
  return fullReply(status, form, contentRange(offset, offset + rows - 1, total), answer)
}

function createReply(form: Form, answer: BodyAnswer, table: string): Reply {
  const range = contentRange(1, 0, answer.total)
  if (form.body === 'full') return fullReply(201, form, range, answer)
  const location = form.body === 'location' ? locationOf(table, answer) : undefined
  return {
    status: 201,
    headers: { ...headersOf(form, range), ...(location === undefined ? {} : { location }) },
    body: '',
  }
}

function changedReply(form: Form, range: string, answer: BodyAnswer): Reply {
  if (form.isSingular && answer.rows !== 1) throw notSingular(answer.rows)
  return form.body === 'full' ? fullReply(200, form, range, answer) : emptyReply(form, range)
}

function callReply(form: Form, answer: BodyAnswer): Reply {
  const rows = form.isSet === true ? answer.rows : 1
  const range = contentRange(0, rows - 1, form.exactCount ? rows : undefined)
  if (form.body === 'none') return emptyReply(form, range)
  return fullReply(200, { ...form, isSingular: form.isSingular && form.isSet === true }, range, {
    ...answer,
    body: answer.body ?? jsonNull,
  })
}

function fullReply(status: number, form: Form, range: string, { body, rows }: BodyAnswer): Reply {
  const headers = { ...headersOf(form, range), 'content-type': form.contentType, ...profileOf(form) }
  if (form.isHead) return { status, headers, body: '' }
  if (form.isSingular && rows !== 1) throw notSingular(rows)
  // json_agg of one row is that row's object in brackets, nothing else.
  return { status, headers, body: form.isSingular ? (body?.subarray(1, -1) ?? '') : (body ?? '') }
}

const jsonNull = Buffer.from('null')

function emptyReply(form: Form, range: string): Reply {
  return { status: 204, headers: headersOf(form, range), body: '' }
}

function headersOf(form: Form, range: string): Record<string, string> {
  const applied = appliedPreferences(form.applied)
  return { 'content-range': range, ...(applied === '' ? {} : { 'preference-applied': applied }) }
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
