import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { chown, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PlinthError } from '../../packages/plinth/src/errors.ts'
import { admin, type Fault, type Scene } from '../scene.ts'

const isRoot = process.getuid?.() === 0

/** Waits until the server lets somebody in. */
async function untilBack(scene: Scene): Promise<void> {
  for (let left = 200; left > 0; left--) {
    await sleep(50)
    const isBack = await admin(scene, 'select 1').then(
      () => true,
      () => false,
    )
    if (isBack) return
  }
}

/** The next flush of the log by a backend of the clients fails: PANIC 58030, and recovery decides. */
async function failFlush(scene: Scene): Promise<number> {
  const rows = await admin(scene, `select pid from pg_stat_activity where application_name = '${scene.service}'`)
  const backends = rows.flatMap(({ pid }) => ['-p', String(pid)])
  const inject = ['-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:error=EIO:when=1']
  // Not the postmaster: the recovery it starts would fail at its first flush as well.
  const tracer = spawn('strace', [...inject, ...backends], { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  tracer.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = new Promise((resolve) => tracer.once('exit', resolve))
  await Promise.race([ended, sleep(3000, undefined, { ref: false })])
  tracer.kill('SIGTERM')
  await untilBack(scene)
  return output.split('INJECTED').length - 1
}

/** The table of the inserts lies in a tablespace of 2 MiB that somebody else fills. */
async function fillDisk(scene: Scene): Promise<number> {
  const folder = join(scene.folder, 'small')
  const { uid, gid } = await stat(join(scene.server.dataDir, 'cluster'))
  await mkdir(folder)
  run('mount', '-t', 'tmpfs', '-o', 'size=2m,mode=0755', 'plinth-faults', folder)
  try {
    const space = join(folder, 'space')
    await mkdir(space)
    await chown(space, uid, gid)
    await admin(scene, `create tablespace small location '${space}'`)
    // Two rows fill a page, so that the disk is asked for one soon: PostgreSQL takes some pages ahead.
    const wide = `alter table inserts add column filler text not null default repeat('x', 1900)`
    await admin(scene, 'alter table inserts set (fillfactor = 50)', wide, 'alter table inserts set tablespace small')
    const from = scene.log.length
    const filler = join(folder, 'filler')
    await writeFile(filler, Buffer.alloc(4_000_000)).catch(() => undefined)
    await sleep(2500)
    await rm(filler)
    const hits = scene.log.slice(from).filter(({ code }) => code.includes('53100')).length
    await admin(scene, 'alter table inserts drop column filler', 'alter table inserts set tablespace pg_default')
    await admin(scene, 'checkpoint', 'drop tablespace small')
    return hits
  } finally {
    run('umount', '-l', folder)
  }
}

function run(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, [...args], { encoding: 'utf8' })
  if (status !== 0) throw new PlinthError('EmbeddedFailed', `${command} ${args.join(' ')} failed: ${stderr}`)
}

function canMount(): boolean {
  return isRoot && spawnSync('unshare', ['-m', 'true']).status === 0
}

/** Tracing what this process did not start takes root, or a kernel without Yama's restriction. */
function whyNoTrace(): string | undefined {
  const scope = '/proc/sys/kernel/yama/ptrace_scope'
  if (!isRoot && existsSync(scope) && readFileSync(scope, 'utf8').trim() !== '0') return 'only root may trace here'
  const isTracing = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0
  return isTracing ? undefined : 'strace is not installed, or may not trace'
}

export const diskFaults: readonly Fault[] = [
  {
    name: 'I/O error at COMMIT',
    missing: whyNoTrace,
    run: failFlush,
  },
  {
    name: 'disk full',
    missing: () => (canMount() ? undefined : 'only root may mount a small disk'),
    run: fillDisk,
  },
]
