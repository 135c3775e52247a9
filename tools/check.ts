import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

// Everything that can be said about the project without a running server. All run at once; each prints one line when
// it ends.
const checks: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'tsc'],
  ['examples', 'tsc', '-p', 'examples'],
  ['lint', 'oxlint'],
  ['format', 'biome', 'format', '.'],
  ['structure', process.execPath, '--test', ...globSync('tools/structure/*.test.ts', { cwd: root })],
]

interface Ended {
  readonly isPassed: boolean
  readonly output: string
}

function run(command: string, args: readonly string[]): Promise<Ended> {
  const env = { ...process.env, PATH: `${root}node_modules/.bin:${process.env['PATH']}` }
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const keep = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ isPassed: false, output: `${error.message}\n` }))
    child.on('close', (code) => resolve({ isPassed: code === 0, output }))
  })
}

const ended = await Promise.all(
  checks.map(async ([name, command, ...args]) => {
    const from = performance.now()
    const { isPassed, output } = await run(command, args)
    const seconds = ((performance.now() - from) / 1000).toFixed(1)
    console.log(`${isPassed ? 'ok    ' : 'FAILED'} ${name.padEnd(10)} ${seconds.padStart(5)} s`)
    return { name, isPassed, output }
  }),
)

for (const { name, output } of ended.filter(({ isPassed }) => !isPassed)) console.log(`\n${name}:\n${output}`)
process.exitCode = ended.every(({ isPassed }) => isPassed) ? 0 : 1
