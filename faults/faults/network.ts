import { setTimeout as sleep } from 'node:timers/promises'
import type { LineConditions, ProxyMode } from '../../packages/plinth/src/testing/fault-proxy.ts'
import { type Fault, felt } from '../scene.ts'

const faultMs = 1500

/** Past the 2 s of a BEGIN and the 5 s after which a statement's silence counts as the connection's end. */
export const silenceMs = 6000

/** Every open connection is reset first where the mode is only for new ones. */
function mode(name: string, become: ProxyMode, { cut = false, lastsMs = faultMs } = {}): Fault {
  return {
    name,
    run: async (scene) => {
      const { proxy } = scene
      const from = performance.now()
      proxy.become(become)
      if (cut) proxy.cut()
      await sleep(lastsMs)
      proxy.become('forward')
      return felt(scene, from, lastsMs / 2)
    },
  }
}

/** Calls that take `leastMs` or longer have felt it. */
function line(name: string, conditions: LineConditions, leastMs: number): Fault {
  return {
    name,
    run: async (scene) => {
      const { proxy } = scene
      const from = performance.now()
      proxy.shape(conditions)
      await sleep(faultMs)
      proxy.shape({})
      return felt(scene, from, leastMs)
    },
  }
}

export const networkFaults: readonly Fault[] = [
  {
    name: 'connections cut',
    run: async ({ proxy }) => {
      let hits = 0
      for (let time = 0; time < 4; time++) {
        hits += proxy.open
        proxy.cut()
        await sleep(faultMs / 4)
      }
      return hits
    },
  },
  mode('connections refused', 'refuse', { cut: true }),
  mode('accepted and silent', 'accept and be silent', { cut: true }),
  mode('black hole', 'blackhole', { lastsMs: silenceMs }),
  mode('black hole for requests', 'blackhole requests', { lastsMs: silenceMs }),
  mode('black hole for answers', 'blackhole answers', { lastsMs: silenceMs }),
  {
    name: 'half-open connections',
    run: async (scene) => {
      const { proxy } = scene
      const from = performance.now()
      proxy.leaveHalfOpen()
      await sleep(faultMs)
      proxy.heal()
      return felt(scene, from, faultMs / 2)
    },
  },
  line('latency and jitter', { delayMs: 20, jitterMs: 30 }, 40),
  line('narrow line', { bytesPerSecond: 20_000 }, 20),
]
