export { isPlinthError, PlinthError } from './errors.ts'
export type { ErrorCode, Outcome, Phase, PlinthErrorFields, ServerReport } from './errors.ts'
export type { PageOf } from './operation/answer.ts'
export type * from './operation/operation.ts'
export type { Value } from './operation/value.ts'
export type * from './database/queryable.ts'
export type * from './database/health-report.ts'
export type { TransactionHealth } from './database/transaction-counts.ts'
export { closeOnSignal } from './http/close-on-signal.ts'
export type { Closable, CloseOnSignalOptions } from './http/close-on-signal.ts'
export { readiness } from './http/readiness.ts'
export type { Readiness } from './http/readiness.ts'
export { createDatabase } from './database/database.ts'
export { removeExpiredKeys } from './database/idempotency.ts'
export { installSchema } from './database/install-schema.ts'
export type { Failure } from './observe/failure.ts'
export { logObservations } from './observe/log.ts'
export type { Logger, LogLevel, LogOptions } from './observe/log.ts'
export type * from './observe/observation.ts'
export type { PoolCounts } from './observe/pool-counts.ts'
export { onObservations } from './observe/subscribe.ts'
export type { ObservationListeners, Subscription } from './observe/subscribe.ts'
export { sql } from './sql/sql.ts'
export type { Sql } from './sql/sql.ts'
export { table } from './operation/table.ts'
export type { DrizzleRelations, DrizzleTable, TableOptions } from './operation/table.ts'
export type { Direction, OrderBy } from './operation/order-types.ts'
export type { Relationship, Relationships } from './operation/related-types.ts'
export type { Selected, Selection } from './operation/selection-types.ts'
export type {
  FindOptions,
  KeyOf,
  NestedFindOptions,
  NestedPageOptions,
  PageOptions,
  Table,
  UpsertOptions,
} from './operation/table-types.ts'
export type { Tests, Where } from './operation/where.ts'
export type { Scalar } from './operation/scalar-text.ts'
export { call } from './operation/call.ts'
export type { Args } from './operation/call.ts'
