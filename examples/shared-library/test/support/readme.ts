import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

export interface PrintedRequest {
  readonly command: string
  /** What README.md says is answered. */
  readonly answer: unknown
}

/** The curl lines of README.md, each with the answer printed behind it. */
export async function readRequests(): Promise<readonly PrintedRequest[]> {
  const text = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const pairs = text.matchAll(/^```sh\n(curl [\s\S]*?)^```\n\n```json\n([\s\S]*?)^```/gm)
  return [...pairs].map(([, command = '', answer = '']) => ({ command, answer: JSON.parse(answer) }))
}

/** Runs a command as a reader would, but for the addresses, which are others in a test. */
export async function runAsPrinted(
  command: string,
  folder: string,
  addresses: Readonly<Record<string, string>>,
): Promise<unknown> {
  let actual = command
  for (const [printed, url] of Object.entries(addresses)) actual = actual.replaceAll(printed, url)
  const { stdout } = await promisify(execFile)('bash', ['-c', actual], { cwd: folder, timeout: 60_000 })
  return JSON.parse(stdout)
}
