import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { PlinthError } from '../errors.ts'
import { identity } from './account.ts'
import type { Account } from './account.ts'

export type Signal = 'INT' | 'QUIT' | 'KILL'

export interface Ended {
  readonly code: number | null
  /** What the program wrote to stdout and stderr, the last 16 KiB of it. */
  readonly output: string
}

export interface Guarded {
  /** Process id of the program, not of its guard. Rejects when the program could not be started. */
  readonly pid: Promise<number>
  readonly ended: Promise<Ended>
  signal(signal: Signal): void
  output(): string
}

export interface GuardedStart {
  readonly account: Account
  readonly file: string
  readonly args: readonly string[]
  readonly folder: string
  /** Written to the program's stdin, which is then closed. Default: an empty stdin. */
  readonly input?: string
  /** At the parent's death: `stop` asks PostgreSQL for a fast shutdown first, `kill` ends a short tool at once. */
  readonly orphaned: 'stop' | 'kill'
}

// Node cannot ask the kernel to kill a child with it, but a pipe closes however its writer dies. So a shell stands
// between: one half waits for the program, the other reads signal names from the pipe, and end of file means that Node
// is gone. The shell leads its own session, so Ctrl-C in the terminal reaches Node alone and stop() decides what
// happens. 1 s for a checkpoint, then an immediate shutdown: committed rows survive both, and nothing is left after 2
// s.
const guardScript = `
orphaned=$1; shift
exec 4<&0 </dev/null
"$@" <&3 3<&- 4<&- &
program=$!
exec 3<&-
echo "$program"
(
  while read -r signal; do kill -s "$signal" "$program"; done <&4
  if [ "$orphaned" = stop ]; then
    kill -s INT "$program"; sleep 1
    kill -s QUIT "$program"; sleep 0.5
  fi
  kill -s KILL 0
) >/dev/null 2>&1 &
reader=$!
exec 4<&-
wait "$program"; code=$?
kill "$reader" 2>/dev/null
exit "$code"
`

// PGHOST, PGDATA, PGOPTIONS and the like of the caller must not reach the programs. Messages are matched, so they are
// English.
const environment = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' }

const outputBytes = 16_384
/** How long the last words of an ended program are waited for. */
const lastOutputMs = 200

/** Starts a program under a guard that ends it when this process dies, even by SIGKILL. */
export function startGuarded(start: GuardedStart): Guarded {
  const child = spawn('/bin/sh', ['-c', guardScript, 'plinth-guard', start.orphaned, start.file, ...start.args], {
    ...identity(start.account),
    cwd: start.folder,
    env: environment,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  })
  let output = ''
  const keep = (chunk: string): void => {
    output = (output + chunk).slice(-outputBytes)
  }
  child.stderr?.setEncoding('utf8').on('data', keep)
  const ended = whenEnded(child, () => output)
  const pid = firstLine(child.stdout, ended, keep)
  // Whoever only waits for the end must not meet an unhandled rejection of the pid.
  pid.catch(ignore)
  child.stdin?.on('error', ignore)
  sendInput(child, start.input ?? '')
  return {
    pid,
    ended,
    output: () => output,
    signal: (signal) => {
      child.stdin?.write(`${signal}\n`)
    },
  }
}

/** Runs a short tool to its end and returns what it wrote. Throws EmbeddedFailed when it fails. */
export async function runGuarded(start: Omit<GuardedStart, 'orphaned'>): Promise<string> {
  const { code, output } = await startGuarded({ ...start, orphaned: 'kill' }).ended
  if (code === 0) return output
  throw new PlinthError('EmbeddedFailed', `${start.file} ended with code ${code}:\n${lastLines(output)}`)
}

/** The last lines of a log, for an error message. */
export function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-12).join('\n')
}

function whenEnded(child: ChildProcess, output: () => string): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, output: error.message }))
    // `close` comes when the pipes are read to their end; a backend that outlives the postmaster holds them open.
    child.once('close', (code) => resolve({ code, output: output() }))
    child.once('exit', (code) => setTimeout(() => resolve({ code, output: output() }), lastOutputMs))
  })
}

function firstLine(stream: Readable | null, ended: Promise<Ended>, rest: (text: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    let found = false
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      if (found) return rest(chunk)
      text += chunk
      const end = text.indexOf('\n')
      if (end < 0) return
      found = true
      resolve(Number(text.slice(0, end)))
      rest(text.slice(end + 1))
    })
    void ended.then(({ output }) => reject(new PlinthError('EmbeddedFailed', `The program did not start: ${output}`)))
  })
}

function sendInput(child: ChildProcess, input: string): void {
  const stream = child.stdio[3]
  if (!stream || !('write' in stream)) return
  stream.on('error', ignore)
  stream.end(input)
}

/** For pipes to a program that may have ended: its end is told by `ended`. */
function ignore(): void {}
