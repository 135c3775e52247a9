import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { PlinthError } from 'plinth'
import { createKey } from '../key.ts'

/**
 * Makes the folder of `plinth dev` where it is missing, invisible to git. In it:
 *
 *   sample/            data folder of an embedded PostgreSQL
 *   sample.keys.json   the services' keys for development, readable by their owner alone
 */
export function openFolder(path: string): string {
  const folder = resolve(path)
  return inFolder(folder, () => {
    if (existsSync(join(folder, 'PG_VERSION'))) {
      throw new PlinthError('DataFolderUnusable', `${folder} is the data directory of another PostgreSQL.`, {
        hint: 'Choose another folder with --data.',
      })
    }
    // A folder that somebody else made may be his project: a .gitignore there would hide his files.
    if (!existsSync(folder)) {
      makeFolder(folder)
      writeFileSync(join(folder, '.gitignore'), '*\n')
    }
    return folder
  })
}

/** Not by `recursive`, which in Node 24.21 never returns where the system refuses with ENOENT, as in /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  mkdirSync(folder)
}

/** The services' keys, made at the first start. The caller holds the data folder's lock. */
export function openKeys(folder: string, name: string, services: readonly string[]): Record<string, string> {
  const file = join(folder, `${name}.keys.json`)
  return inFolder(folder, () => {
    const kept = existsSync(file) ? parseKeys(file) : new Map<string, string>()
    const missing = services.filter((service) => !kept.has(service))
    // Nobody but these services: a name more in the file would be a role more.
    const keys = Object.fromEntries(services.map((service) => [service, kept.get(service) ?? createKey(service)]))
    if (missing.length === 0) return keys
    // Whole or not at all: a start may be killed here.
    writeFileSync(`${file}.new`, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600 })
    renameSync(`${file}.new`, file)
    return keys
  })
}

/** Texts alone, and none that is empty: with such a key a request without one would be the service. */
function parseKeys(file: string): ReadonlyMap<string, string> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'))
    const entries: [string, unknown][] = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : []
    const kept = new Map<string, string>()
    for (const [service, key] of entries) if (typeof key === 'string' && key.trim() !== '') kept.set(service, key)
    return kept
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new PlinthError('DataFolderUnusable', `${file} is not JSON. Delete it, and new keys are made.`, { cause })
  }
}

/** File work in the folder; what the system refuses names the folder and what to do. */
function inFolder<T>(folder: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof Error) || !('syscall' in cause)) throw cause
    throw new PlinthError('DataFolderUnusable', `The data folder ${folder} cannot be used: ${cause.message}.`, {
      cause,
      hint: 'Give yourself the right to write there, or choose another folder with --data.',
    })
  }
}
