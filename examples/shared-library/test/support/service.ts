import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export interface Service extends AsyncDisposable {
  readonly url: string
  /** Sends SIGTERM; resolves with the exit code. */
  stop(): Promise<unknown>
}

type Environment = Readonly<Record<string, string>>

const folder = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a program of the example to its end, which must be code 0. */
export async function runProgram(file: string, env: Environment): Promise<void> {
  const child = spawn(process.execPath, ['--conditions=plinth-dev', folder + file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code]: unknown[] = await once(child, 'exit')
  assert.equal(code, 0, file)
}

/**
 * Runs the command plinth in the folder of the example, where plinth.config.ts is; it must end with code 0. Resolves
 * with what it printed.
 */
export async function runPlinth(args: readonly string[], env: Environment): Promise<string> {
  const bin = fileURLToPath(new URL('../../../../packages/cli/bin/plinth.js', import.meta.url))
  const options = { cwd: folder, env: { ...process.env, ...env } }
  return (await promisify(execFile)(process.execPath, [bin, ...args], options)).stdout
}

/** Starts a service as a process of its own on a free port; resolves when it listens. */
export async function startService(name: string, env: Environment): Promise<Service> {
  const child = spawn(process.execPath, ['--conditions=plinth-dev', `${folder}${name}/src/main.ts`], {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const ended = once(child, 'exit').then(([code]: unknown[]) => code)
  const url = await new Promise<string>((resolve, reject) => {
    const read = (text: string): void => {
      output += text
      const listening = /listens on (\S+)\n/.exec(output)?.[1]
      if (listening) resolve(listening)
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', read)
    void ended.then((code) =>
      reject(new assert.AssertionError({ message: `${name} ended with ${String(code)}:\n${output}` })),
    )
  })
  const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown> => {
    child.kill(signal)
    return ended
  }
  return { url, stop, [Symbol.asyncDispose]: async () => void (await stop('SIGKILL')) }
}
