export { startFaultProxy as startProxy } from '../../src/testing/fault-proxy.ts'
export type { FaultProxy } from '../../src/testing/fault-proxy.ts'
export type { LossOptions } from '../../src/testing/proxied-connection.ts'
