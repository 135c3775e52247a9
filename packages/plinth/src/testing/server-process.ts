import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Embedded, type EmbeddedOptions, startEmbedded } from '../embedded/server.ts'
import { PlinthError } from '../errors.ts'
import { copyAsStandby } from './standby.ts'
import { runOn } from './run-on.ts'

/**
 * | end | what PostgreSQL does |
 * |---|---|
 * | fast | ends connections with 57P01, writes everything down |
 * | immediate | ends connections with 57P02, recovers at the next start |
 * | kill | SIGKILL: nobody is told anything, recovers at the next start |
 */
export type ServerEnd = 'fast' | 'immediate' | 'kill'

/** A PostgreSQL that a test may treat badly. */
export interface ServerProcess extends AsyncDisposable {
  /** The same after each restart. */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  /** Of the postmaster. Throws EmbeddedFailed while it is stopped. */
  readonly processId: number
  stop(end?: ServerEnd): Promise<void>
  /** On the same port and folder, after `stop`. */
  start(): Promise<void>
  restart(end?: ServerEnd): Promise<void>
  /** SIGSTOP for the postmaster and its backends: connections stay open, nobody answers, new ones are accepted. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
  /** Ends the backends with this application_name (57P01), or all clients'. Resolves with how many there were. */
  endBackends(service?: string): Promise<number>
  /** A streaming standby in a folder of its own. The server must have been running. */
  standby(dataDir: string): Promise<ServerProcess>
  /** Makes a standby a primary, and waits until it is one. */
  promote(): Promise<void>
}

const promoteSeconds = 30
/** A killed postmaster's backends end by themselves; their memory is free a moment later. */
const stopPatienceMs = 15_000

/**
 * Starts a PostgreSQL as `startEmbedded` does, and ends, freezes, restarts or copies it on demand.
 *
 *     await using server = await startServerProcess({ dataDir })
 *     await server.restart('kill')
 */
export async function startServerProcess(options: EmbeddedOptions): Promise<ServerProcess> {
  let server: Embedded | undefined = await startEmbedded(options)
  const { url, port, dataDir } = server
  const cluster = join(dataDir, 'cluster')

  const stop = async (end: ServerEnd = 'fast'): Promise<void> => {
    if (!server) return
    const stopped = server
    server = undefined
    // A frozen one would hear nothing but SIGKILL.
    if (existsSync(join(cluster, 'postmaster.pid'))) signalAll(cluster, 'SIGCONT')
    if (end === 'fast') return stopped.stop()
    process.kill(postmaster(cluster), end === 'kill' ? 'SIGKILL' : 'SIGQUIT')
    const late = sleep(stopPatienceMs, undefined, { ref: false }).then(() => stopped.stop())
    await Promise.race([stopped.exited, late])
  }
  const start = async (): Promise<void> => {
    server ??= await startEmbedded({ ...options, port })
  }
  return {
    url,
    port,
    dataDir,
    get processId() {
      return postmaster(cluster)
    },
    stop,
    start,
    restart: async (end) => {
      await stop(end)
      await start()
    },
    freeze: () => signalAll(cluster, 'SIGSTOP'),
    thaw: () => signalAll(cluster, 'SIGCONT'),
    endBackends: (service) => endBackends(url, service),
    standby: async (standbyDir) => {
      await copyAsStandby({ url, port, dataDir }, standbyDir)
      const { port: _, ...same } = options
      return startServerProcess({ ...same, dataDir: standbyDir })
    },
    promote: async () => {
      await runOn(url, (session) => session.query(`select pg_promote(true, ${promoteSeconds})`))
    },
    [Symbol.asyncDispose]: () => stop(),
  }
}

async function endBackends(url: string, service: string | undefined): Promise<number> {
  const { rows } = await runOn(url, (session) =>
    session.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend'
         and pid <> pg_backend_pid() and ($1::text is null or application_name = $1)`,
      [service ?? null],
    ),
  )
  return rows.length
}

function postmaster(cluster: string): number {
  const file = join(cluster, 'postmaster.pid')
  const pid = existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Number.NaN
  if (Number.isNaN(pid)) throw new PlinthError('EmbeddedFailed', `No PostgreSQL runs in ${cluster}.`)
  return pid
}

/** The postmaster first: stopped, it begins no backend that would be missed. Backends are found on Linux alone. */
function signalAll(cluster: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const first = postmaster(cluster)
  process.kill(first, signal)
  const children = `/proc/${first}/task/${first}/children`
  const pids = existsSync(children) ? readFileSync(children, 'utf8').trim().split(' ').filter(Boolean) : []
  for (const pid of pids) signalIfAlive(Number(pid), signal)
}

function signalIfAlive(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
