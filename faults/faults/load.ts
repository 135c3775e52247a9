import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { limits } from '../contestant.ts'
import { admin, type Fault, type Scene } from '../scene.ts'

const faultMs = 1500

/** Calls since `from` that were run again, or ended with one of these codes. */
function met({ log }: Scene, from: number, codes: RegExp): number {
  return log.slice(from).filter(({ runs, code }) => runs > 1 || codes.test(code)).length
}

function storm(name: string, isSerializable: boolean, codes: RegExp): Fault {
  return {
    name,
    run: async (scene) => {
      const from = scene.log.length
      Object.assign(scene.mood, { isHot: true, isSerializable })
      await sleep(faultMs)
      Object.assign(scene.mood, { isHot: false, isSerializable: false })
      return met(scene, from, codes)
    },
  }
}

/** Takes every connection the server has left. */
async function takeAll(url: string): Promise<pg.Client[]> {
  const taken: pg.Client[] = []
  for (;;) {
    const client = new pg.Client({ connectionString: url, application_name: 'faults-taker' })
    client.on('error', () => undefined)
    try {
      await client.connect()
      taken.push(client)
    } catch {
      return taken
    }
  }
}

const ddl = [
  'alter table inserts add column extra int not null default 0',
  'create index on inserts (extra)',
  'alter table accounts alter column balance type numeric',
  'alter table inserts drop column extra',
  'alter table accounts alter column balance type bigint',
]

export const loadFaults: readonly Fault[] = [
  {
    name: 'connections used up',
    run: async ({ server, service }) => {
      const taken = await takeAll(server.url)
      // Those of the clients are ended and taken as well, so that they have to ask for new ones.
      const end = `select pg_terminate_backend(pid, 1000) from pg_stat_activity where application_name = '${service}'`
      await taken[0]?.query(end)
      taken.push(...(await takeAll(server.url)))
      await sleep(faultMs)
      await Promise.all(taken.map((client) => client.end().catch(() => undefined)))
      return taken.length
    },
  },
  {
    name: 'long locks',
    run: async (scene) => {
      const from = scene.log.length
      const holder = new pg.Client({ connectionString: scene.server.url, application_name: 'faults-holder' })
      await holder.connect()
      await holder.query('begin')
      await holder.query('lock table accounts in exclusive mode')
      await sleep(limits.lockMs + faultMs)
      await holder.query('rollback')
      await holder.end()
      return met(scene, from, /LockTimeout|55P03/)
    },
  },
  storm('storm of deadlocks', false, /DeadlockDetected|40P01/),
  storm('storm of serialization failures', true, /SerializationFailure|40001/),
  {
    name: 'schema changed under traffic',
    run: async (scene) => {
      let hits = 0
      for (const statement of [...ddl, ...ddl]) {
        hits += await admin(scene, 'set lock_timeout to 800', statement).then(
          () => 1,
          () => 0,
        )
        await sleep(faultMs / ddl.length / 2)
      }
      return hits
    },
  },
]
