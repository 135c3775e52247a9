import type { Fault } from '../scene.ts'
import { commitFaults } from './commit.ts'
import { diskFaults } from './disk.ts'
import { failoverFaults } from './failover.ts'
import { loadFaults } from './load.ts'
import { networkFaults } from './network.ts'
import { processFaults } from './process.ts'
import { serverFaults } from './server.ts'

export const faults: readonly Fault[] = [
  ...serverFaults,
  ...networkFaults,
  ...commitFaults,
  ...diskFaults,
  ...loadFaults,
  ...processFaults,
  ...failoverFaults,
]

/** One of each kind: what .ci/run has time for. */
export const shortFaults: ReadonlySet<string> = new Set([
  'backends ended',
  'postmaster killed with SIGKILL',
  'server frozen',
  'connections cut',
  'half-open connections',
  'COMMIT lost on its way',
  'COMMIT into silence',
  'answer of COMMIT lost',
  'I/O error at COMMIT',
  'connections used up',
  'storm of deadlocks',
  'storm of serialization failures',
  'worker killed with SIGKILL',
  'failover to a standby',
])
