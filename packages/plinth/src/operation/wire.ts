import { type ErrorCode, type Outcome, PlinthError, type ServerReport } from '../errors.ts'
import type { Answer } from './answer.ts'
import { isPlain } from './encode.ts'

/** A PlinthError as it crosses HTTP, under the key `plinth` of an error body. No statement text, no stack, no cause. */
export interface WireError {
  readonly code: ErrorCode
  readonly message: string
  readonly outcome: Outcome
  readonly retryable: boolean
  readonly sqlstate?: string
  readonly hint?: string
  /** Holds row values in `detail`: for callers who may see what they ran into. */
  readonly server?: ServerReport
}

export function errorToWire({ code, message, outcome, retryable, sqlstate, hint, server }: PlinthError): WireError {
  return {
    code,
    message,
    outcome,
    retryable,
    ...(sqlstate === undefined ? {} : { sqlstate }),
    ...(hint === undefined ? {} : { hint }),
    ...(server === undefined ? {} : { server }),
  }
}

/** The same error on this side; undefined when `json` is none, as from a proxy in between. */
export function errorFromWire(json: unknown): PlinthError | undefined {
  if (!isPlain(json)) return undefined
  const { code, message, outcome, retryable, sqlstate, hint, server } = json
  if (!isCode(code) || typeof message !== 'string' || !isOutcome(outcome)) return undefined
  return new PlinthError(code, message, {
    outcome,
    phase: 'statement',
    retryable: retryable === true,
    ...(typeof sqlstate === 'string' && { sqlstate }),
    ...(typeof hint === 'string' && { hint }),
    ...(isReport(server) && { server }),
  })
}

/** A hub newer than its client may send a code that is not in the client's union; it is passed on as it is. */
function isCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && /^[A-Z][A-Za-z]{2,40}$/.test(value)
}

function isOutcome(value: unknown): value is Outcome {
  return value === 'not applied' || value === 'applied' || value === 'unknown'
}

function isReport(value: unknown): value is ServerReport {
  if (!isPlain(value) || typeof value['severity'] !== 'string' || typeof value['message'] !== 'string') return false
  return Object.values(value).every((item) => typeof item === 'string')
}

/** Whether `json` is an Answer, as a hub sends it. */
export function isAnswer(json: unknown): json is Answer {
  if (!isPlain(json)) return false
  const { columns, rows, rowCount } = json
  if (!Array.isArray(columns) || !Array.isArray(rows) || typeof rowCount !== 'number') return false
  return columns.every(isColumn) && rows.every((row) => isRow(row, columns.length))
}

function isColumn(value: unknown): boolean {
  return isPlain(value) && typeof value['name'] === 'string' && typeof value['oid'] === 'number'
}

function isRow(row: unknown, length: number): boolean {
  return Array.isArray(row) && row.length === length && row.every((text) => text === null || typeof text === 'string')
}
