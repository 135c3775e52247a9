import { execFile } from 'node:child_process'
import { chown, copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PlinthError } from '../errors.ts'
import { runOn } from './run-on.ts'

/** What the primary's own log and process leave in the folder, and a copy must not have (manual, 25.3.3). */
const leftOut = ['postmaster.pid', 'postmaster.opts', 'pg_replslot', 'pg_stat_tmp', 'pg_notify']

/**
 * Copies the data folder of a running server, made by `startEmbedded`, so that a server started on the copy is its
 * streaming standby.
 */
export async function copyAsStandby(
  primary: { readonly url: string; readonly port: number; readonly dataDir: string },
  dataDir: string,
): Promise<void> {
  const [from, to] = [join(primary.dataDir, 'cluster'), join(dataDir, 'cluster')]
  await mkdir(dataDir, { recursive: true, mode: 0o755 })
  const label = await runOn(primary.url, async (session) => {
    await session.query(`select pg_backup_start('standby', true)`)
    await copyFolder(from, to)
    const { rows } = await session.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)')
    return rows[0]?.labelfile ?? ''
  })
  await Promise.all(leftOut.map((name) => rm(join(to, name), { recursive: true, force: true })))
  const owner = await stat(from)
  const give = async (name: string, text: string | undefined): Promise<void> => {
    const path = join(to, name)
    if (text === undefined) await mkdir(path, { mode: 0o700 })
    else await writeFile(path, text, { mode: 0o600 })
    await chown(path, owner.uid, owner.gid)
  }
  for (const name of ['pg_replslot', 'pg_stat_tmp', 'pg_notify']) await give(name, undefined)
  await give('backup_label', label)
  await give('standby.signal', '')
  await give('postgresql.auto.conf', `primary_conninfo = '${conninfo(primary.url)}'\n`)
  await copyFile(join(primary.dataDir, 'password'), join(dataDir, 'password'))
}

function conninfo(url: string): string {
  const { hostname, port, username, password } = new URL(url)
  const user = decodeURIComponent(username)
  return `host=${hostname} port=${port} user=${user} password=${password} application_name=standby`
}

/** A file may vanish while it is read: the log that is replayed over the copy knows that. */
async function copyFolder(from: string, to: string): Promise<void> {
  try {
    await promisify(execFile)('/bin/cp', ['-a', from, to], { env: { LC_ALL: 'C' } })
  } catch (error) {
    const lines = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n') : ['?']
    const others = lines.filter((line) => !line.endsWith('No such file or directory'))
    if (others.length > 0) {
      throw new PlinthError('EmbeddedFailed', `Cannot copy ${from}: ${others.join('; ')}`, { cause: error })
    }
  }
}
