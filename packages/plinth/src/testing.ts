export { createTestDatabase } from './testing/test-database.ts'
export type { TestDatabase, TestDatabaseOptions } from './testing/test-database.ts'
export { runnerContract, runnerContractSchema } from './testing/runner-contract.ts'
export type { OpenRunner, Runner, RunnerContract } from './testing/runner-contract.ts'
export { startFaultProxy } from './testing/fault-proxy.ts'
export type {
  CommitLossOptions,
  FaultProxy,
  FaultProxyOptions,
  LineConditions,
  ProxyMode,
} from './testing/fault-proxy.ts'
export type { LossOptions } from './testing/proxied-connection.ts'
export { inRollback } from './testing/rollback-scope.ts'
export { startServerProcess } from './testing/server-process.ts'
export type { ServerEnd, ServerProcess } from './testing/server-process.ts'
