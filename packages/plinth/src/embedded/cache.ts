import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { mkdir, readdir, rename, stat } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PlinthError } from '../errors.ts'

const abandonedAfterMs = 3_600_000

/**
 * The folder for what all projects of this user share: a copy of the binaries and a new cluster, one each a version.
 * Root needs a place that nobody can read. The temporary folder comes last: it is swept by age, file by file.
 */
export function cacheFolder(chosen?: string): string {
  const { uid } = userInfo()
  const lasting = uid === 0 ? '/var/cache' : join(homedir(), '.cache')
  const candidates = chosen === undefined ? [join(lasting, 'plinth'), join(tmpdir(), `plinth-${uid}`)] : [chosen]
  const refused: string[] = []
  for (const folder of candidates) {
    const refusal = claim(folder, uid)
    if (refusal === undefined) return folder
    refused.push(`${folder}: ${refusal}`)
  }
  throw new PlinthError(
    'EmbeddedUnavailable',
    `No folder to keep PostgreSQL's files in. ${refused.join('; ')}. ` +
      'Give startEmbedded a cacheDir that this user owns.',
  )
}

/**
 * Returns the folder `name` in the cache, built once. Whoever builds at the same time builds aside, and the first
 * rename wins: no lock to break after a crash, and no half-built folder under the final name.
 */
export async function cached(cache: string, name: string, build: (folder: string) => Promise<void>): Promise<string> {
  const final = join(cache, name)
  if (existsSync(final)) return final
  await removeAbandoned(cache)
  const draft = join(cache, `${name}.new-${randomBytes(6).toString('hex')}`)
  await mkdir(draft, { mode: 0o755 })
  try {
    await build(draft)
    await rename(draft, final)
  } catch (error) {
    await removeFolder(draft)
    if (!existsSync(final)) throw error
  }
  return final
}

/**
 * Removes a folder that may belong to nobody, as root. rm does not follow a link that is swapped in meanwhile; Node's
 * rm walks by path and would.
 */
export async function removeFolder(folder: string): Promise<void> {
  await promisify(execFile)('/bin/rm', ['-rf', '--', folder])
}

/**
 * Makes the folder, or says why it cannot be trusted: in /tmp somebody else may have put a folder or a link of that
 * name.
 */
function claim(folder: string, uid: number): string | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 })
    const found = lstatSync(folder)
    if (!found.isDirectory()) return 'is not a folder'
    if (found.uid !== uid) return `belongs to uid ${found.uid}, not to uid ${uid}`
    if ((found.mode & 0o022) !== 0) return 'can be written by others'
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function removeAbandoned(cache: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    if (!entry.includes('.new-')) continue
    const folder = join(cache, entry)
    const found = await stat(folder).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > abandonedAfterMs) await removeFolder(folder)
  }
}
