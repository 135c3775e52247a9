import type { Contestant, Suite, Work, WorkKind } from './contestant.ts'
import { measure, ownCpuUsage, type Sample, turned } from './measure.ts'
import type { Options } from './options.ts'
import { type Cell, summarize, type Summary } from './report.ts'

interface Entrant {
  readonly name: string
  readonly work: Work
  readonly cpuUsage: () => Promise<NodeJS.CpuUsage>
}

/** Measures every cell the options leave, work by work, and reports each table when it is complete. */
export async function runSuite(
  suite: Suite,
  options: Options,
  report: (title: string, summaries: readonly Summary[]) => void,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const contestants = await suite.open()
  for (const contestant of contestants) stack.use(contestant)
  for (const kind of suite.works) {
    const cells: Cell[] = []
    for (const callers of options.callers) cells.push(...(await runCells(suite, kind, callers, contestants, options)))
    if (cells.length > 0) report(`${suite.title}: ${kind.title}`, cells.map(summarize))
  }
}

async function runCells(
  suite: Suite,
  kind: WorkKind,
  callers: number,
  contestants: readonly Contestant[],
  { only, rounds, roundMs }: Options,
): Promise<Cell[]> {
  const entrants = contestants.flatMap((contestant): Entrant[] => {
    const { name, works } = contestant
    const cpuUsage = (): Promise<NodeJS.CpuUsage> => contestant.cpuUsage?.() ?? ownCpuUsage()
    const work = works[kind.name]
    const cell = `${suite.title} ${kind.name} ${callers} ${name}`.toLowerCase()
    return work !== undefined && only.every((word) => cell.includes(word)) ? [{ name, work, cpuUsage }] : []
  })
  const samples = new Map(entrants.map(({ name }) => [name, [] as Sample[]]))
  for (const entrant of entrants) await checkOnce(entrant, kind)
  for (let round = 0; round <= rounds; round++) {
    for (const { name, work, cpuUsage } of turned(entrants, round)) {
      const sample = await measure(work, callers, roundMs, cpuUsage)
      // Round 0 warms up: connections open, statements are prepared, code is compiled.
      if (round > 0) samples.get(name)?.push(sample)
    }
  }
  const baseline = samples.get(suite.baseline) ?? []
  return [...samples].map(([contestant, own]) => ({
    suite: suite.title,
    work: kind.name,
    callers,
    contestant,
    samples: own,
    ratios: baseline.map((base, i) => (own[i]?.operationsPerSecond ?? Number.NaN) / base.operationsPerSecond),
  }))
}

async function checkOnce({ name, work }: Entrant, kind: WorkKind): Promise<void> {
  try {
    for (const n of [0, 7, 4711]) await kind.check(await work(n), n)
  } catch (cause) {
    throw new Error(`${name} does not do "${kind.title}" right, so nothing of it is worth measuring.`, { cause })
  }
}
