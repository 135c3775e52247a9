import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { userInfo } from 'node:os'
import { PlinthError } from '../errors.ts'

/**
 * What a data folder holds. The folder belongs to the caller; the cluster inside belongs to whom postgres runs as, so
 * that neither the lock nor the password lies in a folder of nobody.
 *
 *   lock       process id of the start that holds the folder
 *   password   of the superuser, readable by the caller alone
 *   cluster/   PostgreSQL's own data directory
 *   cluster.new-…/  a cluster being made; a later start removes it
 */
export interface DataFolder {
  readonly path: string
  readonly cluster: string
  readonly passwordFile: string
  /** Major version of the cluster inside, or undefined when there is none yet. */
  readonly major: number | undefined
}

const ours = ['lock', 'lock.break', 'password', 'cluster', 'lost+found', '.gitignore']

/** Looks at a data folder without changing it. Throws DataFolderUnusable when it is not one of ours, or broken. */
export function inspectDataFolder(path: string): DataFolder {
  const cluster = join(path, 'cluster')
  const folder = { path, cluster, passwordFile: join(path, 'password') }
  const entries = attempt(path, 'read', () => (existsSync(path) ? readdirSync(path) : []))
  if (!entries.includes('cluster')) {
    refuseForeign(path, entries)
    return { ...folder, major: undefined }
  }
  return { ...folder, major: clusterMajor(path, cluster) }
}

/** Makes the folder when it is missing. */
export function makeDataFolder(path: string): void {
  attempt(path, 'make', () => mkdirSync(path, { recursive: true, mode: 0o755 }))
}

/** Runs file work in the folder; its errors become DataFolderUnusable with the folder, the user and what to do. */
export async function inDataFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw unusable(path, 'write in', error) ?? error
  }
}

function attempt<T>(path: string, verb: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw unusable(path, verb, error) ?? error
  }
}

const folderErrors = [
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EISDIR',
  'EEXIST',
  'ENOSPC',
  'EDQUOT',
  'ENAMETOOLONG',
  'ELOOP',
]

function unusable(path: string, verb: string, error: unknown): PlinthError | undefined {
  if (!(error instanceof Error) || !('code' in error) || !folderErrors.includes(String(error.code))) return undefined
  const { username, uid } = userInfo()
  return new PlinthError(
    'DataFolderUnusable',
    `User ${username} (uid ${uid}) cannot ${verb} the data folder ${path}: ${error.message}. ` +
      'Give that user the folder (chown), or choose another one.',
    { cause: error },
  )
}

function refuseForeign(path: string, entries: readonly string[]): void {
  const foreign = entries.filter((entry) => !ours.includes(entry) && !entry.startsWith('cluster.new-'))
  if (foreign.length === 0) return
  const what = foreign.includes('PG_VERSION') ? 'is the data directory of another PostgreSQL' : `holds ${foreign[0]}`
  throw new PlinthError(
    'DataFolderUnusable',
    `The data folder ${path} ${what}. It was left as it is. Choose an empty folder or one that does not exist yet.`,
  )
}

function clusterMajor(path: string, cluster: string): number {
  const entries = attempt(path, 'read', () => readdirSync(cluster))
  const missing = ['PG_VERSION', 'global', 'base', 'pg_wal'].find((name) => !entries.includes(name))
  const control = join('global', 'pg_control')
  const broken = missing ?? (existsSync(join(cluster, control)) ? undefined : control)
  if (broken === undefined) return Number.parseInt(readFileSync(join(cluster, 'PG_VERSION'), 'utf8'), 10)
  throw new PlinthError(
    'DataFolderUnusable',
    `The cluster in ${cluster} is broken: ${broken} is missing. It was left as it is. ` +
      'Restore it from a backup, or move it away and start again with an empty database.',
  )
}
