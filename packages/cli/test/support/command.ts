import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const bin: string = fileURLToPath(new URL('../../bin/plinth.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Killed when it leaves its scope, should a test fail before it stopped it. */
export interface Command extends AsyncDisposable {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves with everything written so far when it holds the text. Rejects when the command ends before. */
  output(text: string): Promise<string>
  /** Sends the signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Ended>
}

interface StartOptions {
  readonly cwd?: string
  readonly uid?: number
  readonly nodeArgs?: readonly string[]
  /** Whether the test writes to it. Default false: there is nothing to read. */
  readonly hasStdin?: boolean
  /** On top of the variables of the test. */
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the command as a user would, as a process of its own. Killed at the end of the file, had a test failed. */
export function plinth(args: readonly string[], options: StartOptions = {}): Command {
  return run(process.execPath, [...(options.nodeArgs ?? []), bin, ...args], options)
}

/** The same for any other program. */
export function run(
  file: string,
  args: readonly string[],
  { cwd, uid, hasStdin = false, env = {} }: StartOptions = {},
): Command {
  const child = spawn(file, args, {
    stdio: 'pipe',
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env, ...(uid === undefined ? {} : { HOME: '/nonexistent' }) },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  after(() => child.kill('SIGKILL'))
  if (!hasStdin) child.stdin.end()
  let [stdout, stderr] = ['', '']
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
  const output = async (text: string): Promise<string> => {
    let isOver = false
    void ended.then(() => (isOver = true))
    const deadline = Date.now() + 60_000
    while (!stdout.includes(text)) {
      assert.ok(!isOver && Date.now() < deadline, `never wrote ${text}:\n${stdout}${stderr}`)
      await sleep(10)
    }
    return stdout
  }
  const stop = (signal: NodeJS.Signals): Promise<Ended> => {
    child.kill(signal)
    return ended
  }
  return { child, ended, output, stop, [Symbol.asyncDispose]: async () => void (await stop('SIGKILL')) }
}

/** Runs the command to its end, which must be one line on stderr and exit code 1 or 2. Returns the line. */
export async function refusal(args: readonly string[], options: StartOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await plinth(args, options).ended
  assert.ok(code === 1 || code === 2, `exit code ${code}: ${stdout}${stderr}`)
  assert.match(stdout, /^(?:Filling the database [^\n]+\n)?$/)
  assert.match(stderr, /^plinth: [^\n]+\n$/)
  return stderr.trim()
}

/** A folder for the tests of one file, open to other users. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'plinth-cli-'))
  chmodSync(folder, 0o755)
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** `Hub  http://…` → the address. */
export function addressOf(label: string, output: string): string {
  const address = new RegExp(`^ *${label} +(\\S+)`, 'm').exec(output)?.[1]
  assert.ok(address, `${label} is not in:\n${output}`)
  return address
}

/** Linux only: processes that work in the folder. */
export function processesBelow(folder: string): string[] {
  return readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8')
      return readlinkSync(`/proc/${entry}/cwd`).startsWith(folder) && command.includes('postgres')
    } catch {
      return false
    }
  })
}

/** Waits until the condition holds. Throws after the deadline. */
export async function until(what: string, deadlineMs: number, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + deadlineMs
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not within ${deadlineMs} ms: ${what}`)
    await sleep(10)
  }
}
