import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'

/** The user postgres runs as. PostgreSQL refuses to run as root. */
export interface Account {
  readonly uid: number
  readonly gid: number
  readonly name: string
  /** True when this process is root and gives its rights up for postgres. */
  readonly isSwitched: boolean
}

/**
 * Root runs postgres as the owner of an existing cluster (a user may have made it), else as nobody: that user exists
 * everywhere, so none has to be added. Any other user runs it as himself.
 */
export function chooseAccount(cluster: string): Account {
  const { uid, gid, username } = userInfo()
  if (uid !== 0) return { uid, gid, name: username, isSwitched: false }
  const owner = statSync(cluster, { throwIfNoEntry: false })
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid, name: `uid ${owner.uid}`, isSwitched: true }
  return { ...nobody(), name: 'nobody', isSwitched: true }
}

/** Options of spawn() that start a program as this account. */
export function identity(account: Account): { uid?: number; gid?: number } {
  return account.isSwitched ? { uid: account.uid, gid: account.gid } : {}
}

/** Whether the account can pass through every folder down to this one: /root is closed to nobody. */
export function canEnter(account: Account, folder: string): boolean {
  if (!account.isSwitched) return true
  return spawnSync('/bin/sh', ['-c', 'cd "$0"', folder], { ...identity(account), cwd: '/' }).status === 0
}

function nobody(): { uid: number; gid: number } {
  const entry = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  return { uid: Number(entry?.[1] ?? 65_534), gid: Number(entry?.[2] ?? 65_534) }
}
