import { setTimeout as sleep } from 'node:timers/promises'
import type { CommitLossOptions } from '../../packages/plinth/src/testing/fault-proxy.ts'
import type { Fault } from '../scene.ts'

/** One in a few COMMITs, so that the clients' other connections go on. */
const losses = 6
const patienceMs = 3000

function lost(name: string, side: 'request' | 'answer', options: CommitLossOptions): Fault {
  return {
    name,
    isResolvable: true,
    run: async ({ proxy, random }) => {
      let hits = 0
      for (let time = 0; time < losses; time++) {
        const happened = proxy.loseCommit(side, { ...options, nth: 1 + random.below(3) }).then(() => hits++)
        await Promise.race([happened, sleep(patienceMs, undefined, { ref: false })])
      }
      proxy.heal()
      return hits
    },
  }
}

export const commitFaults: readonly Fault[] = [
  lost('COMMIT lost on its way', 'request', {}),
  lost('COMMIT lost, half-open', 'request', { halfOpen: true }),
  lost('COMMIT into silence', 'request', { silent: true }),
  lost('answer of COMMIT lost', 'answer', {}),
  lost('answer of COMMIT lost, half-open', 'answer', { halfOpen: true }),
  lost('COMMIT done, then silence', 'answer', { silent: true }),
]
