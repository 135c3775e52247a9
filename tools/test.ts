// Runs the tests on a PostgreSQL of their own: npm test [-- file …] [--full]
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../packages/plinth/src/embedded/server.ts'

const suites = ['packages/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts']
const fullSuites = [...suites, 'packages/*/test/**/*.full.ts', 'examples/*/test/**/*.full.ts']
const reporters = ['spec', new URL('skipped-tests.ts', import.meta.url).href].flatMap((reporter) => [
  `--test-reporter=${reporter}`,
  '--test-reporter-destination=stdout',
])
const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' }

/** Ends with the runner's code; 1 when a test left a PostgreSQL behind. */
async function main(args: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-tests-'))
  // As root, tests start programs as nobody, which need a temporary folder too.
  await chmod(folder, 0o1777)
  try {
    const given = process.env['PLINTH_TEST_DATABASE_URL']
    if (given !== undefined) return await runTests(args, given, folder)
    await using server = await startEmbedded({ dataDir: join(folder, 'server'), settings })
    return await runTests(args, server.url, folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runTests(args: readonly string[], url: string, folder: string): Promise<number> {
  const own = await postgresBelow(folder)
  const extra = args.filter((argument) => argument !== '--full')
  const files = extra.some((argument) => !argument.startsWith('-'))
    ? extra
    : [...extra, ...(args.includes('--full') ? fullSuites : suites)]
  // Everything a test puts into the temporary folder goes with it, and what runs from there afterwards is a leak.
  // A test run must never meet somebody's production database, so DATABASE_URL is not passed on.
  const { DATABASE_URL: _, ...environment } = process.env
  const code = await runNode(['--test', ...reporters, '--test-concurrency=2', ...files], {
    ...environment,
    PLINTH_TEST_DATABASE_URL: url,
    TMPDIR: folder,
    // Each file, and each program it starts, is a process that loads the same sources: compiled once for all of them,
    // the command line starts with 0.9 s of CPU instead of 1.5 s.
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
  })
  const leaked = (await postgresBelow(folder)).filter((pid) => !own.includes(pid))
  for (const pid of leaked) process.kill(pid, 'SIGKILL')
  if (leaked.length === 0) return code
  console.error(`${leaked.length} postgres processes outlived the tests that started them: ${leaked.join(', ')}`)
  return code === 0 ? 1 : code
}

function runNode(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, ['--conditions=plinth-dev', ...args], { stdio: 'inherit', env })
  // Ctrl-C reaches the child too; what is left to do here follows its end.
  const wait = (): void => {}
  process.on('SIGINT', wait)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

/** Process ids of each postmaster whose cluster lies below the folder. Linux only; elsewhere none. */
async function postgresBelow(folder: string): Promise<number[]> {
  if (process.platform !== 'linux') return []
  const found: number[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
    const workingFolder = await readlink(`/proc/${entry}/cwd`).catch(() => '')
    const isBelow = workingFolder.startsWith(folder) || command.includes(folder)
    if (isBelow && /postgres\0-D\0/.test(command) && !command.startsWith('/bin/sh')) found.push(Number(entry))
  }
  return found
}

process.exitCode = await main(process.argv.slice(2))
