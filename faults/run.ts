// npm run faults: clients at work on a real PostgreSQL while things break, and then the books. See docs/reliability.md.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFaultProxy } from '../packages/plinth/src/testing/fault-proxy.ts'
import { startServerProcess } from '../packages/plinth/src/testing/server-process.ts'
import { limits } from './contestant.ts'
import { faults, shortFaults } from './faults/all.ts'
import { type Options, readOptions } from './options.ts'
import { seededRandom } from './random.ts'
import { printHead, printRow, printSkipped, printSummary } from './report.ts'
import { type Bounds, type RoundResult, runRound } from './round.ts'
import { admin, type Stage } from './scene.ts'
import { watchSometimes } from './sometimes.ts'
import { schema } from './workload.ts'

/** Durable, because a server that loses what it confirmed would be found lying, and rightly. */
const settings = { max_connections: '40', deadlock_timeout: '100ms', checkpoint_timeout: '1h' }

/** A transaction's limit, a COMMIT's grace of 5 s, as long again to find out what became of it, and 3 s of noise. */
const latestMs = limits.transactionMs + 5000 + 5000 + 3000

async function main(options: Options): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-faults-'))
  await chmod(folder, 0o755)
  try {
    const server = await startServerProcess({ dataDir: join(folder, 'first'), settings })
    const random = seededRandom(options.seed)
    await using proxy = await startFaultProxy(server.url, { random: () => random.next() })
    const { seed, open, contestant: contestantName } = options
    const stage: Stage = { server, proxy, folder, seed, open, contestantName }
    try {
      await admin(stage, schema)
      return await runAll(stage, options)
    } finally {
      await stage.server.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runAll(stage: Stage, { only, isShort, seconds, recoveryMs, seed }: Options): Promise<number> {
  const chosen = faults.filter(({ name }) => name.includes(only) && (!isShort || shortFaults.has(name)))
  const bounds: Bounds = { recoveryMs, latestMs }
  const results: RoundResult[] = []
  const skipped: string[] = []
  const endAt = performance.now() + seconds * 1000
  using sometimes = watchSometimes()
  printHead(stage.contestantName, seed)
  for (let number = 0; number < chosen.length || (results.length > 0 && performance.now() < endAt); number++) {
    const fault = chosen[number % chosen.length]
    const missing = fault?.missing?.()
    if (!fault) break
    if (missing === undefined) {
      const result = await runRound(stage, fault, number, bounds)
      results.push(result)
      printRow(result)
    } else if (number < chosen.length) {
      skipped.push(fault.name)
      printSkipped(fault.name, missing)
    }
  }
  // Of single faults, and of pg, nothing of this is asked.
  const isWhole = only === '' && stage.contestantName === 'plinth'
  return printSummary(results, skipped, isWhole ? sometimes.seen : new Map())
}

process.exitCode = await main(readOptions(process.argv.slice(2)))
