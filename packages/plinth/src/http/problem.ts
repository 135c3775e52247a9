import { violatedColumns } from '../driver/violated-columns.ts'
import { type ErrorCode, isPlinthError, type PlinthError } from '../errors.ts'
import type { CheckConstraint, ColumnsOfCheck } from './check-columns.ts'

/**
 * What to answer an HTTP client when the database failed: RFC 9457, `application/problem+json`. Its words are ours:
 * nothing of a statement, a value or the server's message is in it.
 */
export interface Problem {
  readonly status: number
  /** Seconds for Retry-After, where the same request may succeed later. */
  readonly retryAfter?: number
  readonly body: {
    readonly type: 'about:blank'
    readonly status: number
    readonly title: string
    readonly code: string
    /** Columns of the table the request was about, where they are known. */
    readonly fields?: readonly string[]
  }
}

interface Answer {
  readonly status: number
  readonly title: string
  readonly retryAfter?: number
}

/** Retry-After while the database is away, of the ready routes too. It is found again within 3 s of coming back. */
export const awaySeconds = 5

/** Retry-After where others are in the way. */
const busySeconds = 1

const unavailable: Answer = { status: 503, title: 'The database cannot be reached just now.', retryAfter: awaySeconds }
const busy: Answer = { status: 503, title: 'The database is busy just now.', retryAfter: busySeconds }
const invalid: Answer = { status: 422, title: 'A value is not allowed.' }

/** Of the database, but nothing the client can do anything about: our words, for PostgreSQL's may quote anything. */
const failed: Answer = { status: 500, title: 'The request failed in the database.' }

/** By our code. `failed` for the others. */
const answers: { readonly [code in ErrorCode]?: Answer } = {
  UniqueViolation: { status: 409, title: 'It exists already.' },
  ExclusionViolation: { status: 409, title: 'It overlaps with another.' },
  ForeignKeyViolation: { status: 409, title: 'It refers to something that does not exist, or is still referred to.' },
  CheckViolation: invalid,
  NotNullViolation: { status: 422, title: 'A value is missing.' },
  InvalidValue: invalid,
  ConnectionFailed: unavailable,
  ConnectionLost: unavailable,
  DatabaseClosed: unavailable,
  AuthenticationFailed: unavailable,
  ReadOnlyServer: unavailable,
  ServerOverloaded: busy,
  PoolTimeout: busy,
  PoolOverloaded: busy,
  PoolSelfDeadlock: busy,
  SerializationFailure: busy,
  DeadlockDetected: busy,
  LockTimeout: busy,
  IdempotencyInFlight: { status: 409, title: 'The same request is being worked on.', retryAfter: busySeconds },
  IdempotencyConflict: { status: 422, title: 'Another request was made under this idempotency key.' },
  CommitUnknown: { status: 500, title: 'It is not known whether the change was saved.' },
  StatementTimeout: { status: 504, title: 'The database took too long.' },
  TransactionTimeout: { status: 504, title: 'The database took too long.' },
}

/** By SQLSTATE, for pg's own errors, which other libraries pass on or wrap: whole codes, then classes. */
const bySqlstate: Readonly<Record<string, ErrorCode>> = {
  '23505': 'UniqueViolation',
  '23P01': 'ExclusionViolation',
  '23503': 'ForeignKeyViolation',
  '23001': 'ForeignKeyViolation',
  '25006': 'ReadOnlyServer',
  '23514': 'CheckViolation',
  '23502': 'NotNullViolation',
  '40001': 'SerializationFailure',
  '40P01': 'DeadlockDetected',
  '55P03': 'LockTimeout',
  '57014': 'StatementTimeout',
  '53300': 'ServerOverloaded',
  '22': 'InvalidValue',
  '08': 'ConnectionLost',
  '57': 'ConnectionLost',
}

/** How deep a library may wrap an error. */
const deepest = 8

/** What failed in the database. */
interface Failed {
  readonly answer: Answer
  readonly code: ErrorCode
  readonly columns?: readonly string[] | undefined
  /** Where the columns are not told and the catalog knows them. */
  readonly check?: CheckConstraint | undefined
}

/**
 * Undefined for an error that is not the database's, and for a wrapper that has a status of its own. With status 500
 * the program is at fault, and somebody should log the error.
 */
export function problemOf(error: unknown): Problem | undefined {
  const failed = failedIn(error)
  return failed && toProblem(failed)
}

/** As `problemOf`; the columns of a check that was violated are looked for in the catalog, by `columnsOf`. */
export async function problemWithColumns(error: unknown, columnsOf: ColumnsOfCheck): Promise<Problem | undefined> {
  const failed = failedIn(error)
  return failed && toProblem(failed.check ? { ...failed, columns: await columnsOf(failed.check) } : failed)
}

/** While the database is away: before a handler that needs it is tried. */
export function databaseAway(): Problem {
  return toProblem({ answer: unavailable, code: 'ConnectionFailed' })
}

function failedIn(error: unknown): Failed | undefined {
  let isDatabase = false
  let at = error
  for (let depth = 0; depth < deepest && at instanceof Error; depth++) {
    const found = isPlinthError(at) ? ofOurs(at) : ofSqlstate(at)
    if (found) return found
    isDatabase ||= isPlinthError(at) || isPgs(at)
    at = at.cause
  }
  return isDatabase && !hasStatus(error) ? { answer: failed, code: codeIn(error) } : undefined
}

/** As http-errors and Fastify have it. */
function hasStatus(error: unknown): boolean {
  return typeof error === 'object' && error !== null && ('statusCode' in error || 'status' in error)
}

function codeIn(error: unknown): ErrorCode {
  return isPlinthError(error) ? error.code : 'StatementFailed'
}

function ofOurs({ code, columns, server }: PlinthError): Failed | undefined {
  const answer = answers[code]
  if (!answer || code !== 'CheckViolation') return answer && { answer, code, columns }
  return { answer, code, columns, check: server && checkOf(server) }
}

function ofSqlstate(error: Error): Failed | undefined {
  if (!isPgs(error)) return undefined
  const code = bySqlstate[error.code] ?? bySqlstate[error.code.slice(0, 2)]
  const answer = code && answers[code]
  if (!answer || code !== 'CheckViolation') return answer && { answer, code, columns: violatedColumns(error) }
  return { answer, code, check: checkOf(error) }
}

function isPgs(error: Error): error is Error & { readonly code: string } {
  return 'severity' in error && 'code' in error && typeof error.code === 'string'
}

/** A check of a domain names no table. */
function checkOf(report: object): CheckConstraint | undefined {
  const { schema, table, constraint }: { schema?: unknown; table?: unknown; constraint?: unknown } = report
  const isWhole = typeof schema === 'string' && typeof table === 'string' && typeof constraint === 'string'
  return isWhole ? { schema, table, constraint } : undefined
}

function toProblem({ answer: { status, title, retryAfter }, code, columns }: Failed): Problem {
  const fields = columns?.length ? { fields: columns } : {}
  const body = { type: 'about:blank', status, title, code, ...fields } as const
  return { status, ...(retryAfter === undefined ? {} : { retryAfter }), body }
}

/** The headers of the answer. */
export function problemHeaders({ retryAfter }: Problem): Record<string, string> {
  const type = { 'content-type': 'application/problem+json; charset=utf-8' }
  return retryAfter === undefined ? type : { ...type, 'retry-after': String(retryAfter) }
}
