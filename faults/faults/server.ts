import { setTimeout as sleep } from 'node:timers/promises'
import { silenceMs } from './network.ts'
import type { ServerEnd } from '../../packages/plinth/src/testing/server-process.ts'
import { admin, type Fault, felt } from '../scene.ts'

function restart(name: string, end: ServerEnd): Fault {
  return {
    name,
    run: async (scene) => {
      const { server } = scene
      const from = performance.now()
      await server.stop(end)
      await sleep(300)
      await server.start()
      return felt(scene, from, 300)
    },
  }
}

const backends = (service: string): string =>
  `select pid from pg_stat_activity where application_name = '${service}' and pid <> pg_backend_pid()`

export const serverFaults: readonly Fault[] = [
  {
    name: 'backends ended',
    run: async (scene) => {
      let hits = 0
      for (let time = 0; time < 6; time++) {
        hits += (await admin(scene, `select pg_terminate_backend(pid) from (${backends(scene.service)}) a`)).length
        await sleep(200)
      }
      return hits
    },
  },
  {
    name: 'backend killed with SIGKILL',
    run: async (scene) => {
      const [first] = await admin(scene, backends(scene.service))
      if (!first) return 0
      const from = performance.now()
      process.kill(Number(first['pid']), 'SIGKILL')
      // The postmaster ends the others and recovers; it is there again when it lets us in.
      for (let left = 100; left > 0; left--) {
        await sleep(50)
        const isBack = await admin(scene, 'select 1').then(
          () => true,
          () => false,
        )
        if (isBack) break
      }
      return felt(scene, from, 300)
    },
  },
  restart('postmaster restarted, fast', 'fast'),
  restart('postmaster restarted, immediate', 'immediate'),
  restart('postmaster killed with SIGKILL', 'kill'),
  {
    name: 'server frozen',
    run: async (scene) => {
      const from = performance.now()
      scene.server.freeze()
      await sleep(silenceMs)
      scene.server.thaw()
      return felt(scene, from, silenceMs / 2)
    },
  },
  {
    name: 'read-only server',
    run: async (scene) => {
      const from = scene.log.length
      await admin(scene, 'alter system set default_transaction_read_only to on', 'select pg_reload_conf()')
      await sleep(1500)
      await admin(
        scene,
        'set default_transaction_read_only to off',
        'alter system reset default_transaction_read_only',
        'select pg_reload_conf()',
      )
      // Most are run again until the server takes writes, and never fail.
      return scene.log.slice(from).filter(({ runs, code }) => runs > 1 || /ReadOnlyServer|25006/.test(code)).length
    },
  },
]
