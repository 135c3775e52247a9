import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PlinthError } from '../errors.ts'

const waitMs = 20
const attempts = 500
/**
 * A lock without content is being written; breaking one takes microseconds. Older than this, their process has died.
 */
const halfWrittenMs = 5_000

/** Takes the folder for this process until the returned function is called. Throws DataFolderInUse. */
export async function lockFolder(folder: string): Promise<() => void> {
  const file = join(folder, 'lock')
  const mine = `${process.pid}\n${processStamp(process.pid)}\n`
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (writeNew(file, mine)) return () => rmSync(file, { force: true })
    const seen = read(file)
    if (seen === undefined) continue
    if (isHeld(seen, file)) {
      const pid = Number.parseInt(seen, 10)
      if (!Number.isNaN(pid)) throw folderInUse(folder, pid)
    } else breakLock(file, seen)
    await sleep(waitMs)
  }
  throw new PlinthError('DataFolderInUse', `${folder} is being started by others without an end.`)
}

export function folderInUse(folder: string, pid: number): PlinthError {
  return new PlinthError(
    'DataFolderInUse',
    `The data folder ${folder} is in use by process ${pid}. Stop that one, or start this one with another folder.`,
  )
}

/** True while the process exists, of whatever user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/**
 * What tells a process from a later one of the same number: containers start counting at 1 each time, so the number
 * alone comes back soon. Empty when the process is gone, or dead and not yet collected by its parent.
 */
function processStamp(pid: number): string {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
  }
  // Field 3 of stat is the state, 22 the start in clock ticks since boot; the command in field 2 may hold spaces and
  // brackets.
  const stat = read(`/proc/${pid}/stat`)
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  const [state, ticks] = [fields[0], fields[19]]
  return ticks === undefined || state === 'Z' ? '' : `${ticks} ${read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}`
}

function isHeld(content: string, file: string): boolean {
  const [pid = '', stamp] = content.split('\n')
  if (!content.endsWith('\n')) return ageMs(file) < halfWrittenMs
  // 0 and below are no process but groups of them, and one is always alive.
  if (!/^[1-9]\d*$/.test(pid)) return false
  return isAlive(Number(pid)) && processStamp(Number(pid)) === stamp
}

/**
 * Removes a lock whose process has died. Of two that see the same dead lock, the slower one could remove the new lock
 * of the faster one, so only the holder of a second, short lock may remove, and only what it has seen.
 */
function breakLock(file: string, seen: string): void {
  const breaking = `${file}.break`
  if (!writeNew(breaking, '')) {
    if (ageMs(breaking) > halfWrittenMs) rmSync(breaking, { force: true })
    return
  }
  if (read(file) === seen) rmSync(file, { force: true })
  rmSync(breaking, { force: true })
}

function writeNew(file: string, content: string): boolean {
  try {
    writeFileSync(file, content, { flag: 'wx', mode: 0o644 })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined
    throw error
  }
}

/** How far from now the file was written: a clock that was set back leaves files of the future, which are old too. */
function ageMs(file: string): number {
  const found = statSync(file, { throwIfNoEntry: false })
  return found ? Math.abs(Date.now() - found.mtimeMs) : 0
}
