import { existsSync } from 'node:fs'
import { createHub } from '@plinth/hub'
import { createDatabase } from 'plinth'
import { poolSize, serviceKeyHash } from '../sample.ts'
import { byDrizzle } from './drizzle.ts'
import { type ByHand, fourTrips, oneTrip } from './by-hand.ts'
import { fastifyApp } from './fastify.ts'

export interface Server extends AsyncDisposable {
  readonly url: string
}

/** Starts a server over the database of `url`; with a role, it acts as that one for each request. */
type Start = (url: string, role: string) => Promise<Server>

export type ServerName = 'one trip' | 'four trips' | 'drizzle' | 'postgraphile' | 'hub' | 'hub of 1,000 services'

/** What can be started by name, each in a process of its own: see server-process.ts. */
export const servers: Readonly<Record<ServerName, Start>> = {
  'one trip': (url) => overFastify(oneTrip(url)),
  'four trips': (url, role) => overFastify(fourTrips(url, role)),
  drizzle: (url) => overFastify(byDrizzle(url)),
  postgraphile: startPostGraphile,
  hub: (url, role) => startHub(url, role, 1),
  'hub of 1,000 services': (url, role) => startHub(url, role, 1000),
}

async function overFastify({ answers, pool }: Pick<ByHand, 'answers' | 'pool'>): Promise<Server> {
  const app = fastifyApp(answers)
  return {
    url: await app.listen({ host: '127.0.0.1', port: 0 }),
    [Symbol.asyncDispose]: async () => {
      await app.close()
      await pool.end()
    },
  }
}

async function startHub(url: string, role: string, services: number): Promise<Server> {
  const database = createDatabase({ url, pool: { max: poolSize } })
  const others = Array.from({ length: services - 1 }, (_, i) => [`service${i}`, { role, keys: [keyOf(i)] }] as const)
  const bench = { role, keys: [`sha256:${serviceKeyHash}`] }
  const hub = createHub({ database, services: { ...Object.fromEntries(others), bench } })
  return {
    url: await hub.listen({ port: 0 }),
    [Symbol.asyncDispose]: async () => {
      await hub.close({ deadlineMs: 1000 })
      await database.close()
    },
  }
}

/** The hash of no key that anybody has. */
function keyOf(i: number): string {
  return `sha256:${i.toString(16).padStart(64, '0')}`
}

const peer = new URL('../peers/postgraphile.js', import.meta.url)

/** PostGraphile is not among the packages of this repository: `npm ci --prefix bench/peers` brings it. */
export const hasPostGraphile: boolean = existsSync(new URL('node_modules/postgraphile', peer))

async function startPostGraphile(url: string, role: string): Promise<Server> {
  const module: unknown = await import(peer.href)
  if (!isPeer(module)) throw new Error(`${peer.href} does not start PostGraphile.`)
  const server = await module.startPostGraphile(url, role, poolSize)
  return { url: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop() }
}

interface Peer {
  startPostGraphile(
    url: string,
    role: string,
    poolSize: number,
  ): Promise<{ readonly port: number; stop(): Promise<void> }>
}

function isPeer(module: unknown): module is Peer {
  return typeof module === 'object' && module !== null && 'startPostGraphile' in module
}
