import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PlinthError } from '../../packages/plinth/src/errors.ts'
import { admin, askServer, type Fault, type Scene } from '../scene.ts'

const attachedPatienceMs = 10_000

/** The standby confirms each commit, or a failover would lose what clients were told, and nobody could help that. */
async function attach(scene: Scene, url: string): Promise<void> {
  const name = 'standby'
  await admin(scene, `alter system set synchronous_standby_names to '${name}'`, 'select pg_reload_conf()')
  for (let left = attachedPatienceMs / 50; left > 0; left--) {
    const [row] = await admin(scene, `select sync_state from pg_stat_replication where application_name = '${name}'`)
    if (row?.['sync_state'] === 'sync') return
    await sleep(50)
  }
  throw new PlinthError('EmbeddedFailed', `The standby at ${new URL(url).host} did not attach.`)
}

let standbys = 0

export const failoverFaults: readonly Fault[] = [
  {
    name: 'failover to a standby',
    run: async (scene) => {
      const standby = await scene.server.standby(join(scene.folder, `standby-${++standbys}`))
      await attach(scene, standby.url)
      await sleep(300)
      await scene.server.stop('kill')
      scene.proxy.pointAt(standby.url)
      scene.server = standby
      // Connections to a standby are refused writes (25006) until it is the primary.
      await sleep(300)
      await standby.promote()
      const [row] = await askServer(standby.url, 'select not pg_is_in_recovery() as is_primary')
      return row?.['is_primary'] === true ? 1 : 0
    },
  },
]
