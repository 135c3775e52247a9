import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chown, mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { PlinthError } from '../errors.ts'
import { canEnter } from './account.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { cached, removeFolder } from './cache.ts'
import type { DataFolder } from './data-folder.ts'
import { runGuarded } from './guard.ts'

export interface ClusterOptions {
  readonly account: Account
  readonly binaries: Binaries
  readonly cache: string
  readonly user: string
  readonly database: string
  /** False where the data may be lost with the machine: tests. */
  readonly isDurable: boolean
}

/** Opens the cluster of a locked data folder, made first when there is none. Returns the superuser's password. */
export async function openCluster(folder: DataFolder, options: ClusterOptions): Promise<string> {
  const { binaries } = options
  await removeDrafts(folder)
  if (folder.major === undefined) return createCluster(folder, options)
  if (folder.major !== binaries.major) {
    throw new PlinthError(
      'DataFolderUnusable',
      `The cluster in ${folder.path} was made by PostgreSQL ${folder.major}; here is ${binaries.version}, which ` +
        `cannot read it. It was left as it is. Start it with PostgreSQL ${folder.major}, or choose another folder.`,
    )
  }
  // Empty where the machine lost its power before the file was down: the cluster is whole, so it gets another one.
  const kept = existsSync(folder.passwordFile) ? readFileSync(folder.passwordFile, 'utf8').trim() : ''
  if (kept !== '') return kept
  const password = newPassword()
  await runSingle(folder.cluster, passwordCommand(options.user, password), options)
  writePassword(folder, password)
  return password
}

/**
 * The path by which postgres can open its cluster. When root keeps data below a folder that is closed to nobody
 * (/root), no path leads there; but the program is started inside the cluster before it gives root's rights up, and
 * Linux lets a process open its own working directory by this name.
 */
export function reachablePath(cluster: string, account: Account): string {
  if (canEnter(account, cluster)) return cluster
  if (process.platform === 'linux') return '/proc/self/cwd'
  throw new PlinthError(
    'DataFolderUnusable',
    `PostgreSQL does not run as root, and ${account.name} cannot reach ${cluster}. ` +
      "Choose a folder outside root's home.",
  )
}

/** The cluster appears under its name by one rename when it is whole; the password is there before it. */
async function createCluster(folder: DataFolder, options: ClusterOptions): Promise<string> {
  const { account, binaries, user, database } = options
  const template = await clusterTemplate(options)
  const draft = join(folder.path, `cluster.new-${randomBytes(6).toString('hex')}`)
  await mkdir(draft, { mode: 0o700 })
  await giveTo(account, draft)
  const password = newPassword()
  try {
    await runGuarded({ account, folder: draft, file: '/bin/cp', args: ['-RPp', `${template}/.`, '.'] })
    const createDatabase = database === 'postgres' ? '' : `create database "${database}"\n`
    await runSingle(draft, passwordCommand(user, password) + createDatabase, options)
    if (options.isDurable) {
      const args = ['--sync-only', '-D', reachablePath(draft, account)]
      await runGuarded({ account, folder: draft, file: join(binaries.bin, 'initdb'), args })
    }
    writePassword(folder, password)
    await rename(draft, folder.cluster)
  } catch (error) {
    await removeFolder(draft)
    throw error
  }
  return password
}

/**
 * initdb takes 0.4 to 0.7 s, a copy of its result 0.04 to 0.14 s (2 cores, 2026-11). The template has no password yet.
 */
function clusterTemplate({ account, binaries, cache, user }: ClusterOptions): Promise<string> {
  // The same rows in the same order on every machine: the builtin C.UTF-8 does not depend on the system's locales.
  const locale = binaries.major >= 17 ? ['--locale-provider=builtin', '--locale=C.UTF-8'] : ['--locale=C']
  const access = ['--auth-local=reject', '--auth-host=scram-sha-256']
  const settings = [`--username=${user}`, '--encoding=UTF8', '--no-sync', ...locale, ...access]
  const key = createHash('sha256').update(JSON.stringify([binaries.version, account.uid, settings]))
  const name = `cluster-${binaries.version}-${key.digest('hex').slice(0, 12)}`
  return cached(cache, name, async (folder) => {
    await giveTo(account, folder)
    const args = ['-D', reachablePath(folder, account), ...settings]
    await runGuarded({ account, folder, file: join(binaries.bin, 'initdb'), args })
  })
}

async function giveTo(account: Account, folder: string): Promise<void> {
  if (account.isSwitched) await chown(folder, account.uid, account.gid)
}

/** Runs statements, one a line, without a server: nobody can connect before the password is set. */
async function runSingle(cluster: string, statements: string, { account, binaries }: ClusterOptions): Promise<void> {
  const args = ['--single', '-D', reachablePath(cluster, account), '-c', 'fsync=off', 'postgres']
  const file = join(binaries.bin, 'postgres')
  const output = await runGuarded({ account, folder: cluster, file, args, input: statements })
  // Single-user mode ends with code 0 after a failed statement.
  const failure = /(?:ERROR|FATAL|PANIC): .*/.exec(output)?.[0]
  if (failure !== undefined) throw new PlinthError('EmbeddedFailed', `The cluster ${cluster} refused: ${failure}`)
}

function passwordCommand(user: string, password: string): string {
  return `alter role "${user}" password '${password}'\n`
}

function newPassword(): string {
  return randomBytes(24).toString('base64url')
}

function writePassword(folder: DataFolder, password: string): void {
  writeFileSync(folder.passwordFile, `${password}\n`, { mode: 0o600 })
}

/** What a start left that was killed before its cluster was whole. The caller holds the lock. */
async function removeDrafts(folder: DataFolder): Promise<void> {
  for (const entry of readdirSync(folder.path)) {
    if (entry.startsWith('cluster.new-')) await removeFolder(join(folder.path, entry))
  }
}
