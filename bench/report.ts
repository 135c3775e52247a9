import { median, type Sample } from './measure.ts'

/** One contestant at one piece of work with so many callers. */
export interface Cell {
  readonly suite: string
  readonly work: string
  readonly callers: number
  readonly contestant: string
  readonly samples: readonly Sample[]
  /** Of this cell to the baseline in the same round, so that what slows the machine for a while slows both. */
  readonly ratios: readonly number[]
}

export interface Summary extends Cell {
  readonly operationsPerSecond: number
  /** Half of the distance between the fastest and the slowest round, in percent of the median. */
  readonly spreadPercent: number
  readonly ratio: number | undefined
  readonly cpuMicroseconds: number
}

export function summarize(cell: Cell): Summary {
  const { samples, ratios } = cell
  const speeds = samples.map(({ operationsPerSecond }) => operationsPerSecond)
  const middle = median(speeds)
  return {
    ...cell,
    operationsPerSecond: middle,
    spreadPercent: ((Math.max(...speeds) - Math.min(...speeds)) / 2 / middle) * 100,
    ratio: ratios.length === 0 ? undefined : median(ratios),
    cpuMicroseconds: median(samples.map(({ cpuMicroseconds }) => cpuMicroseconds)),
  }
}

const nameWidth = 24
const columnWidth = 29

/** The table of one piece of work: a line a contestant, and for each number of callers four figures. */
export function tableOf(title: string, summaries: readonly Summary[]): string {
  const counts = [...new Set(summaries.map(({ callers }) => callers))]
  const names = [...new Set(summaries.map(({ contestant }) => contestant))]
  const row = (name: string, columns: readonly string[]): string =>
    name.padEnd(nameWidth) + columns.map((column) => column.padStart(columnWidth)).join(' |')
  return [
    title,
    row(
      '',
      counts.map((count) => `${count} caller${count === 1 ? '' : 's'}`),
    ),
    row(
      '',
      counts.map(() => 'op/s     ±   ratio  CPU µs'),
    ),
    ...names.map((name) =>
      row(
        name,
        counts.map((count) => figures(summaries.find((one) => one.contestant === name && one.callers === count))),
      ),
    ),
  ].join('\n')
}

function figures(summary: Summary | undefined): string {
  if (!summary) return '-'
  const { operationsPerSecond, spreadPercent, ratio, cpuMicroseconds } = summary
  const speed = Math.round(operationsPerSecond).toLocaleString('en')
  const spread = `${spreadPercent.toFixed(0)}%`.padStart(5)
  return `${speed} ${spread}  ${(ratio?.toFixed(2) ?? '-').padStart(6)}  ${cpuMicroseconds.toFixed(0).padStart(6)}`
}
