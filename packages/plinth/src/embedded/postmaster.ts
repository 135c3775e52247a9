import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Account } from './account.ts'
import { runGuarded } from './guard.ts'
import { folderInUse, isAlive } from './lock.ts'

const pollMs = 50

/** True when the postgres of this process id says in its pid file that it takes connections. */
export function isReady(cluster: string, pid: number): boolean {
  const lines = pidFile(cluster)
  return Number(lines?.[0]) === pid && lines?.[7]?.trim() === 'ready'
}

/**
 * Makes sure that no postgres of an earlier start works on the cluster. One whose parent was killed a moment ago is
 * given `patienceMs` to end. Throws DataFolderInUse.
 */
export async function settleFormer(cluster: string, account: Account, patienceMs: number): Promise<void> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const pid = Number(pidFile(cluster)?.[0])
    if (Number.isNaN(pid) || !isAlive(pid)) return
    if (!worksOn(pid, cluster)) return forgetPid(cluster, account)
    if (Date.now() > deadline) throw folderInUse(cluster, pid)
    await sleep(pollMs)
  }
}

/** Not looked for before it is read: a postgres that ends takes it away in between. */
function pidFile(cluster: string): string[] | undefined {
  try {
    return readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Whether the process is a postgres of this cluster: its working directory is the cluster for all its life. */
function worksOn(pid: number, cluster: string): boolean {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout.includes('postgres')
  }
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(cluster)
  } catch {
    // Gone meanwhile, or a process of another user, which postgres itself does not take for its own either.
    return false
  }
}

/**
 * The number of a crashed postgres was given to another program (usual in containers), and postgres would refuse to
 * start. The file stays, with a number no process has: its shared memory line protects against orphaned backends still
 * at work.
 */
async function forgetPid(cluster: string, account: Account): Promise<void> {
  const script =
    '{ echo 2147483646; tail -n +2 postmaster.pid; } > postmaster.pid.new && mv -f postmaster.pid.new postmaster.pid'
  await runGuarded({ account, folder: cluster, file: '/bin/sh', args: ['-c', script] })
}
