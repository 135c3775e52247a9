import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { startEmbedded } from '../../src/embedded/server.ts'
import type { Embedded, EmbeddedOptions } from '../../src/embedded/server.ts'
import { isPlinthError } from '../../src/errors.ts'
import { fastSettings } from './database.ts'

export const isRoot: boolean = process.getuid?.() === 0
export const onlyRoot: string | false = isRoot ? false : 'needs root, to act as two users'
export const onlyUser: string | false = isRoot ? 'needs an ordinary user: root may write everywhere' : false
export const onlyLinux: string | false = process.platform === 'linux' ? false : 'reads /proc'
/** The uid of nobody on Linux and what tests run as when they are root and need an ordinary user. */
export const otherUid = 65_534

/** A folder of this file, which other users can enter; removed at the end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'plinth-embedded-'))
  chmodSync(folder, 0o755)
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function start(dataDir: string, options: Partial<EmbeddedOptions> = {}): Promise<Embedded> {
  return startEmbedded({ dataDir, settings: fastSettings, ...options })
}

/** What a refused data folder must be told with: for `assert.rejects`. */
export function unusable(...texts: (string | RegExp)[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isPlinthError(error, 'DataFolderUnusable'), String(error))
    for (const text of texts) assert.ok(error.message.match(text), `${text} is not in: ${error.message}`)
    return true
  }
}

/** Runs statements on a connection of its own, and returns the rows of the last. */
export async function ask(url: string, ...statements: string[]): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    let rows: unknown[] = []
    for (const statement of statements) rows = (await client.query(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}

export function postmasterPid(dataDir: string): number {
  return Number.parseInt(readFileSync(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8'), 10)
}

export interface Program {
  readonly child: ChildProcess
  /** The next line the program wrote. */
  line(): Promise<Record<string, unknown>>
  readonly ended: Promise<void>
}

/** Starts support/embedded-program.ts, as the leader of its own process group; with `uid`, as that user. */
export function startProgram(options: { dataDir: string; cacheDir?: string; uid?: number }): Program {
  const file = join(import.meta.dirname, 'embedded-program.ts')
  const { dataDir, cacheDir = '', uid = '' } = options
  const child = spawn(process.execPath, ['--conditions=plinth-dev', file, dataDir, cacheDir, String(uid)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: uid === '' ? process.env : { ...process.env, HOME: '/nonexistent' },
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  after(() => {
    child.kill('SIGKILL')
  })
  return { child, ended, line: async () => parseLine((await lines.next()).value ?? '{"code":"ended"}') }
}

function parseLine(line: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(line)
  assert.ok(typeof parsed === 'object' && parsed !== null)
  return { ...parsed }
}

/** Programs that work in the folder or name it in their arguments, this process left out. */
export function processesBelow(folder: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map((entry) => ({
      pid: Number(entry),
      command: quietly(() => readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ')),
      folder: quietly(() => readlinkSync(`/proc/${entry}/cwd`)),
    }))
    .filter((found) => found.command.includes(folder) || found.folder.startsWith(folder))
}

export function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

export function uidOf(pid: number): number {
  return Number(/^Uid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** Waits until the condition holds. Throws after the deadline. */
export async function until(what: string, deadlineMs: number, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + deadlineMs
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await sleep(10)
  }
}

/** A process may end while it is looked at. */
function quietly(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
