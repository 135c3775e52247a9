import { type ErrorCode, isPlinthError, type Outcome, type Phase, type PlinthError } from '../errors.ts'
import { summarize } from './summary.ts'

/**
 * What telemetry learns of an error: never PostgreSQL's own words, a statement's text, or a foreign error's message.
 */
export interface Failure {
  /** The code of a PlinthError, a system code such as `ECONNRESET`, or the name of the error's class. */
  readonly code: string
  /** Our own words where they cannot quote anybody's input; else the code and the SQLSTATE again. */
  readonly message: string
  readonly sqlstate?: string
  readonly phase?: Phase
  readonly outcome?: Outcome
  /** Of the statement that failed. */
  readonly summary?: string
  readonly constraint?: string
  readonly table?: string
}

type Words = 'ours' | 'may quote'

/** Whose words stand in the message of an error. `may quote`: input, a file, an address, or what a server said. */
const words: Readonly<Record<ErrorCode, Words>> = {
  ConnectionFailed: 'ours',
  AuthenticationFailed: 'ours',
  ConnectionLost: 'ours',
  DatabaseClosed: 'ours',
  ServerOverloaded: 'ours',
  PoolTimeout: 'ours',
  PoolOverloaded: 'ours',
  PoolSelfDeadlock: 'ours',
  NestedTransaction: 'ours',
  SavepointOpen: 'ours',
  RootHandleInTransaction: 'ours',
  TransactionAborted: 'ours',
  TransactionClosed: 'ours',
  TransactionTimeout: 'ours',
  FloatingStatement: 'ours',
  IdempotencyConflict: 'ours',
  IdempotencyInFlight: 'ours',
  CommitUnknown: 'ours',
  TaskTakenOver: 'ours',
  WriteInReadTransaction: 'ours',
  ReadOnlyServer: 'ours',
  SerializationFailure: 'ours',
  DeadlockDetected: 'ours',
  LockTimeout: 'ours',
  StatementTimeout: 'ours',
  Cancelled: 'ours',
  UniqueViolation: 'ours',
  ForeignKeyViolation: 'ours',
  NotNullViolation: 'ours',
  CheckViolation: 'ours',
  ExclusionViolation: 'ours',
  InvalidValue: 'ours',
  AnswerTooLarge: 'ours',
  RowNotFound: 'ours',
  TooManyRows: 'ours',
  InvalidStatement: 'may quote',
  UndefinedObject: 'may quote',
  PermissionDenied: 'may quote',
  SessionStatement: 'may quote',
  StatementFailed: 'may quote',
  InvalidOperation: 'may quote',
  InvalidOption: 'may quote',
  InvalidMigration: 'may quote',
  MigrationConflict: 'may quote',
  MigrationFailed: 'may quote',
  MigrationBroken: 'may quote',
  InvalidSeed: 'may quote',
  SeedFailed: 'may quote',
  ProductionRefused: 'may quote',
  MissingPeer: 'may quote',
  EmbeddedUnavailable: 'may quote',
  EmbeddedFailed: 'may quote',
  DataFolderInUse: 'may quote',
  DataFolderUnusable: 'may quote',
  PortInUse: 'may quote',
  ConnectionLeaked: 'may quote',
  HubUnreachable: 'may quote',
  HubRefused: 'may quote',
}

const originals = new WeakMap<Failure, unknown>()

/**
 * The failure of an error, or of the first one in its chain of causes that says more than its class: ORMs wrap ours.
 */
export function failureOf(error: unknown): Failure {
  const failure = describe(error)
  originals.set(failure, error)
  return failure
}

/** The error itself, for its stack and to know it again. Its message and causes may hold row values. */
export function originalOf(failure: Failure): unknown {
  return originals.get(failure)
}

function describe(error: unknown): Failure {
  let cause = error
  for (let depth = 0; depth < 8 && cause instanceof Error; depth++) {
    if (isPlinthError(cause)) return ofPlinth(cause)
    const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
    if (/^[0-9A-Z]{5}$/.test(code) && 'severity' in cause)
      return { code: 'ServerError', sqlstate: code, message: `PostgreSQL refused (${code}).` }
    if (/^E[A-Z_]{2,30}$/.test(code)) return { code, message: code }
    cause = cause.cause
  }
  const name = error instanceof Error && /^[A-Za-z]\w{0,60}$/.test(error.name) ? error.name : 'Error'
  return { code: name, message: name }
}

function ofPlinth(error: PlinthError): Failure {
  const { code, sqlstate, phase, outcome, server, statement } = error
  const state = sqlstate === undefined ? '' : ` (${sqlstate})`
  // Except of values and integrity, our message repeats PostgreSQL's, and RAISE can give any text any SQLSTATE.
  const isServers = server !== undefined && !/^2[23]/.test(sqlstate ?? '')
  return {
    code,
    message: words[code] === 'ours' && !isServers ? error.message : `${code}${state}`,
    outcome,
    ...(sqlstate === undefined ? {} : { sqlstate }),
    ...(phase === undefined ? {} : { phase }),
    ...(statement === undefined ? {} : { summary: summarize(statement) }),
    ...(server?.constraint === undefined ? {} : { constraint: server.constraint }),
    ...(server?.table === undefined ? {} : { table: server.table }),
  }
}
