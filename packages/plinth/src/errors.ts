/** What is known about the caller's write after a failure. `unknown`: the answer to a COMMIT or a write was lost. */
export type Outcome = 'not applied' | 'applied' | 'unknown'

/** How far the work had come when it failed. */
export type Phase = 'connect' | 'acquire' | 'begin' | 'statement' | 'commit'

/** Every way Plinth fails. docs/errors.md lists each with its cause and its fix. */
export type ErrorCode =
  | 'ConnectionFailed'
  | 'AuthenticationFailed'
  | 'ConnectionLost'
  | 'DatabaseClosed'
  | 'ServerOverloaded'
  | 'PoolTimeout'
  | 'PoolOverloaded'
  | 'PoolSelfDeadlock'
  | 'NestedTransaction'
  | 'SavepointOpen'
  | 'RootHandleInTransaction'
  | 'TransactionAborted'
  | 'TransactionClosed'
  | 'TransactionTimeout'
  | 'FloatingStatement'
  | 'CommitUnknown'
  | 'IdempotencyConflict'
  | 'IdempotencyInFlight'
  | 'TaskTakenOver'
  | 'WriteInReadTransaction'
  | 'ReadOnlyServer'
  | 'SerializationFailure'
  | 'DeadlockDetected'
  | 'LockTimeout'
  | 'StatementTimeout'
  | 'Cancelled'
  | 'UniqueViolation'
  | 'ForeignKeyViolation'
  | 'NotNullViolation'
  | 'CheckViolation'
  | 'ExclusionViolation'
  | 'InvalidValue'
  | 'InvalidStatement'
  | 'UndefinedObject'
  | 'PermissionDenied'
  | 'SessionStatement'
  | 'StatementFailed'
  | 'AnswerTooLarge'
  | 'InvalidOperation'
  | 'InvalidMigration'
  | 'MigrationConflict'
  | 'MigrationFailed'
  | 'MigrationBroken'
  | 'InvalidSeed'
  | 'SeedFailed'
  | 'ProductionRefused'
  | 'RowNotFound'
  | 'TooManyRows'
  | 'InvalidOption'
  | 'MissingPeer'
  | 'EmbeddedUnavailable'
  | 'EmbeddedFailed'
  | 'DataFolderInUse'
  | 'DataFolderUnusable'
  | 'PortInUse'
  | 'ConnectionLeaked'
  | 'HubUnreachable'
  | 'HubRefused'

/**
 * What PostgreSQL said, word for word. It can contain row values, so it is kept out of messages and of `console.log`.
 */
export interface ServerReport {
  readonly severity: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  readonly constraint?: string
}

export interface PlinthErrorFields {
  readonly outcome?: Outcome
  readonly phase?: Phase
  readonly sqlstate?: string
  /** True when the same call may succeed later and running it again is safe. */
  readonly retryable?: boolean
  /** How often the work was tried, the failing time included. */
  readonly attempts?: number
  /** Name of the transaction. */
  readonly transaction?: string
  /** Text of the statement, never its values. */
  readonly statement?: string
  readonly hint?: string
  /** The server's own id of the transaction, in decimal, where its outcome is not known. */
  readonly transactionId?: string
  /** With an integrity violation: the constraint the server named. */
  readonly constraint?: string
  readonly table?: string
  /** Of the violated key, or the one column that was null; an expression of an index is one entry. */
  readonly columns?: readonly string[]
  readonly cause?: unknown
  readonly server?: ServerReport
}

const brand = Symbol.for('plinth.error')

/**
 * The one error class of Plinth. Branch on `code`; decide whether to repeat on `outcome` and `retryable`.
 * Use `isPlinthError` rather than `instanceof`: two copies of the package may be installed.
 */
export class PlinthError extends Error {
  readonly code: ErrorCode
  readonly outcome: Outcome
  readonly retryable: boolean
  readonly attempts: number
  readonly phase: Phase | undefined
  readonly sqlstate: string | undefined
  readonly transaction: string | undefined
  readonly statement: string | undefined
  readonly hint: string | undefined
  /** With CommitUnknown: what to give to `pg_xact_status()`. */
  readonly transactionId: string | undefined
  /** With UniqueViolation, ForeignKeyViolation, CheckViolation, NotNullViolation: names of the schema, never values. */
  readonly constraint: string | undefined
  readonly table: string | undefined
  readonly columns: readonly string[] | undefined
  /** Not enumerable: see `ServerReport`. */
  declare readonly server: ServerReport | undefined

  constructor(code: ErrorCode, message: string, fields: PlinthErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = `${code}Error`
    this.code = code
    this.outcome = fields.outcome ?? 'not applied'
    this.retryable = fields.retryable ?? false
    this.attempts = fields.attempts ?? 1
    this.phase = fields.phase
    this.sqlstate = fields.sqlstate
    this.transaction = fields.transaction
    this.statement = fields.statement
    this.hint = fields.hint
    this.transactionId = fields.transactionId
    this.constraint = fields.constraint
    this.table = fields.table
    this.columns = fields.columns
    Object.defineProperty(this, 'server', { value: fields.server })
    Object.defineProperty(this, brand, { value: true })
  }
}

/** True for a `PlinthError` of any copy of the package; with `code`, for that code only. */
export function isPlinthError(error: unknown, code?: ErrorCode): error is PlinthError {
  return error instanceof Error && brand in error && (code === undefined || ('code' in error && error.code === code))
}
