import {
  type ErrorCode,
  type Outcome,
  type Phase,
  PlinthError,
  type PlinthErrorFields,
  type ServerReport,
} from '../errors.ts'
import type { ConnectionOptions } from './client-options.ts'
import { isServerError, type ServerError } from './peer.ts'
import { hostOf, portOf } from './server-address.ts'
import { violatedColumns } from './violated-columns.ts'

export interface FailureContext {
  readonly phase: Phase
  /** Text of the statement, without values. */
  readonly statement?: string | undefined
  readonly transaction?: string
  readonly attempts?: number
  /**
   * What is known when the connection broke: a statement in a transaction was not applied, a lone write may have been.
   */
  readonly outcomeWhenLost: Outcome
  /** The statement may have committed before it failed: the outcome of an error is unknown, and it is not run again. */
  readonly mayCommitInside?: boolean
  /** In a transaction that promised to write nothing. */
  readonly isReadOnly?: boolean
}

/** See `ExchangeFailure`. */
interface Failure {
  readonly error: unknown
  readonly answered: boolean
  /** False when nothing was sent. */
  readonly sent?: boolean
}

/** Whole codes first, then classes (the first two characters). PostgreSQL 18, Appendix A. */
const codes: Readonly<Record<string, ErrorCode>> = {
  '23505': 'UniqueViolation',
  '23503': 'ForeignKeyViolation',
  '23001': 'ForeignKeyViolation',
  '23502': 'NotNullViolation',
  '23514': 'CheckViolation',
  '23P01': 'ExclusionViolation',
  '40001': 'SerializationFailure',
  '40P01': 'DeadlockDetected',
  '55P03': 'LockTimeout',
  '57014': 'StatementTimeout',
  '57P01': 'ConnectionLost',
  '57P02': 'ConnectionLost',
  '57P03': 'ConnectionFailed',
  '57P05': 'ConnectionLost',
  // Our own time limits: the same work would idle again.
  '25P03': 'TransactionTimeout',
  '25P04': 'TransactionTimeout',
  '25P02': 'TransactionAborted',
  '42501': 'PermissionDenied',
  '42P01': 'UndefinedObject',
  '42703': 'UndefinedObject',
  '42704': 'UndefinedObject',
  '42883': 'UndefinedObject',
  '3F000': 'UndefinedObject',
  '53300': 'ServerOverloaded',
  // A message the server could not read. See also `codeOf`.
  '08P01': 'InvalidStatement',
  '3D000': 'ConnectionFailed',
  '08': 'ConnectionLost',
  '22': 'InvalidValue',
  '28': 'AuthenticationFailed',
  '42': 'InvalidStatement',
}

const aboutConnections: ReadonlySet<ErrorCode> = new Set(['ConnectionLost'])

const retryable: ReadonlySet<ErrorCode> = new Set([
  'SerializationFailure',
  'DeadlockDetected',
  'ServerOverloaded',
  'ConnectionFailed',
  'ReadOnlyServer',
])

/**
 * Turns what pg rejected with into a PlinthError: by SQLSTATE when the server answered, else the connection was lost.
 */
export function toPlinthError(failure: Failure, context: FailureContext): PlinthError {
  const { error, answered, sent = true } = failure
  const known: FailureContext = sent ? context : { ...context, outcomeWhenLost: 'not applied' }
  if (error instanceof PlinthError) return answered ? inContext(error, context) : withContext(error, known)
  return isServerError(error) ? fromServer(error, known, answered) : fromSocket(error, known)
}

function fromServer(error: ServerError, context: FailureContext, answered: boolean): PlinthError {
  const code = codeOf(error, context, answered)
  const isLost = code === 'ConnectionLost'
  const isOpen = context.mayCommitInside === true && !isBeforeRunning(error.code)
  return new PlinthError(code, messageOf(error, context), {
    ...namesOf(context),
    phase: context.phase,
    sqlstate: error.code,
    outcome: isOpen
      ? 'unknown'
      : isLost || !answered || error.code === '40003'
        ? context.outcomeWhenLost
        : 'not applied',
    retryable: !isOpen && (retryable.has(code) || (isLost && context.outcomeWhenLost === 'not applied')),
    cause: withoutValues(error),
    server: reportOf(error),
    ...violationOf(error),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}

/** Refused before its first statement ran: syntax, names, rights, values that could not be read. */
function isBeforeRunning(sqlstate: string): boolean {
  return /^(26|42|0A|08P01)/.test(sqlstate)
}

function fromSocket(error: unknown, context: FailureContext): PlinthError {
  const reason = error instanceof Error ? error.message : String(error)
  return new PlinthError('ConnectionLost', `The connection broke: ${reason}.`, {
    ...namesOf(context),
    phase: context.phase,
    outcome: context.outcomeWhenLost,
    retryable: context.outcomeWhenLost === 'not applied',
    cause: error,
  })
}

/** The server answered, so what the error says of the outcome holds: AnswerTooLarge after a statement that ran. */
function inContext(error: PlinthError, context: FailureContext): PlinthError {
  return new PlinthError(error.code, error.message, {
    ...namesOf(context),
    phase: error.phase ?? context.phase,
    outcome: context.transaction === undefined ? error.outcome : 'not applied',
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}

/** Why a connection was given up is the same for all its statements; what is known about each of them is not. */
function withContext(error: PlinthError, context: FailureContext): PlinthError {
  return new PlinthError(error.code, error.message, {
    ...namesOf(context),
    phase: context.phase,
    outcome: context.outcomeWhenLost,
    retryable: error.code === 'ConnectionLost' && context.outcomeWhenLost === 'not applied',
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}

function codeOf({ code, message }: ServerError, context: FailureContext, answered: boolean): ErrorCode {
  // With every connection it ends PgBouncer says 08P01: its server was lost, or nobody was free for too long.
  if (code === '08P01' && !answered) return 'ConnectionLost'
  if (code === '25006') return context.isReadOnly ? 'WriteInReadTransaction' : 'ReadOnlyServer'
  // How a standby refuses a serializable transaction, before it refuses any write.
  if (code === '0A000' && message.includes('hot standby')) return 'ReadOnlyServer'
  const found = codes[code] ?? codes[code.slice(0, 2)] ?? 'StatementFailed'
  // Said of another connection, as postgres_fdw and dblink do: this one goes on.
  return answered && aboutConnections.has(found) ? 'StatementFailed' : found
}

function messageOf(error: ServerError, context: FailureContext): string {
  const where = context.transaction === undefined ? '' : ` in transaction "${context.transaction}"`
  if (titleOf(error.code) === undefined) return `${error.message} (${error.code})${where}.`
  const constraint = error.constraint === undefined ? '' : ` of ${error.constraint}`
  const column = error.column === undefined ? '' : ` in column ${error.column}`
  const table = error.table === undefined ? '' : ` on table ${error.table}`
  return `${titleOf(error.code)}${constraint}${column}${table} (${error.code})${where}.`
}

/** For the classes whose messages quote row values. Elsewhere PostgreSQL's own words stand. */
function titleOf(sqlstate: string): string | undefined {
  return titles[sqlstate] ?? titles[sqlstate.slice(0, 2)]
}

const titles: Readonly<Record<string, string>> = {
  '22': 'PostgreSQL cannot take a value',
  '23': 'Integrity violation',
  '23502': 'Not-null violation',
  '23503': 'Foreign key violation',
  '23505': 'Unique violation',
  '23514': 'Check violation',
  '23P01': 'Exclusion violation',
}

function namesOf(context: FailureContext): { statement?: string; transaction?: string; attempts?: number } {
  return {
    ...(context.statement === undefined ? {} : { statement: context.statement }),
    ...(context.transaction === undefined ? {} : { transaction: context.transaction }),
    ...(context.attempts === undefined ? {} : { attempts: context.attempts }),
  }
}

/** What an answer to the user is made of, without what the server quotes: see `ServerReport`. */
function violationOf(error: ServerError): Pick<PlinthErrorFields, 'constraint' | 'table' | 'columns'> {
  if (!error.code.startsWith('23')) return {}
  const { constraint, table } = error
  const columns = violatedColumns(error)
  return {
    ...(constraint === undefined ? {} : { constraint }),
    ...(table === undefined ? {} : { table }),
    ...(columns === undefined ? {} : { columns }),
  }
}

/** What PostgreSQL quotes rows and parameters in, beside the message. */
const quoting = ['detail', 'where', 'internalQuery']

/**
 * The error as pg made it, for `cause`. Whoever logs an error logs its causes, so the fields that quote values are not
 * enumerable, and of classes 22 and 23 the message is ours too; PostgreSQL's own words are in `server`.
 */
function withoutValues(error: ServerError): ServerError {
  const properties = Object.getOwnPropertyDescriptors(error)
  // An Error of the same class, for a logger prints a copy that is none as a plain object.
  const copy: unknown = Object.defineProperties(Reflect.construct(Error, [], error.constructor), properties)
  if (!isServerError(copy)) return error
  for (const name of quoting) {
    const property = Object.getOwnPropertyDescriptor(error, name)
    if (property) Object.defineProperty(copy, name, { ...property, enumerable: false })
  }
  const title = titleOf(error.code)
  if (title === undefined) return copy
  const hide = (name: 'message' | 'stack', value: string): void => {
    Object.defineProperty(copy, name, { value, enumerable: false, configurable: true, writable: true })
  }
  hide('stack', (error.stack ?? '').replace(error.message, title))
  hide('message', title)
  return copy
}

function reportOf(error: ServerError): ServerReport {
  const { severity, message, detail, hint, schema, table, column, constraint } = error
  const optional = { detail, hint, schema, table, column, constraint }
  const given = Object.entries(optional).filter(([, value]) => value !== undefined)
  return { severity, message, ...Object.fromEntries(given) }
}

/** Failures of connecting that another try can mend; a wrong password or database name is none of them. */
export function connectFailure(error: unknown, { url, pooler }: ConnectionOptions): PlinthError {
  const server = describeServer(url)
  const reason =
    error instanceof Error ? error.message || ('code' in error ? String(error.code) : error.name) : String(error)
  const sqlstate = isServerError(error) ? error.code : undefined
  const asked = { phase: 'connect', cause: error } as const
  const fields = isServerError(error) ? { ...asked, sqlstate: error.code, server: reportOf(error) } : asked
  if (sqlstate?.startsWith('28')) {
    return new PlinthError('AuthenticationFailed', `PostgreSQL at ${server} refused the login: ${reason}.`, {
      ...fields,
      hint: 'Check user and password of the url, and pg_hba.conf on the server.',
    })
  }
  if (sqlstate === '53300') {
    return new PlinthError('ServerOverloaded', `PostgreSQL at ${server} has no connection left: ${reason}.`, {
      ...fields,
      retryable: true,
    })
  }
  if (sqlstate === '08P01' && reason.includes('startup parameter')) {
    return new PlinthError('ConnectionFailed', `A pooler at ${server} refused the login: ${reason}.`, {
      ...fields,
      hint: poolerHint,
    })
  }
  // PgBouncer says 08P01 to every login it cannot serve just now.
  const final = pooler ? /^(42|22)/ : /^(42|22|08P01)/
  const isFinal = sqlstate === '3D000' || (sqlstate !== undefined && final.test(sqlstate))
  return new PlinthError('ConnectionFailed', `Cannot connect to PostgreSQL at ${server}: ${reason}.`, {
    ...fields,
    retryable: !isFinal,
    hint: connectHint(isFinal, isUnknownHost(error)),
  })
}

function connectHint(isFinal: boolean, isUnknown: boolean): string {
  if (isFinal) return 'Check the database name and the options of the url.'
  if (isUnknown) return 'No address is known for this host name. Check the url and the name server.'
  return 'Is the server running, and reachable from here?'
}

/** The name server answered that there is no such host; `error` is of the system, or has one as its cause. */
export function isUnknownHost(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return ('code' in error && error.code === 'ENOTFOUND') || isUnknownHost(error.cause)
}

/** Said wherever a pooler shows itself. */
export const poolerHint: string =
  "Behind PgBouncer or another pooler say so: createDatabase({ pooler: 'transaction' }). " +
  'See docs/guides/connections.md.'

/** Host, port and database of a url: never its user or password. */
export function describeServer(url: string): string {
  const parsed = URL.parse(url)
  return parsed === null ? 'the given url' : `${hostOf(parsed)}:${portOf(parsed)}${parsed.pathname}`
}
