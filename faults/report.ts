import type { RoundResult } from './round.ts'

const columns = ['fault', 'hits', 'ok', 'failed', 'unknown', 'run again', 'working again', 'longest call', 'wrong']
const widths = [34, 5, 6, 6, 7, 9, 13, 12, 5]

function row(cells: readonly (string | number)[]): string {
  const padded = cells.map((cell, at) =>
    at === 0 ? String(cell).padEnd(widths[at] ?? 0) : String(cell).padStart(widths[at] ?? 0),
  )
  return `| ${padded.join(' | ')} |`
}

export function printHead(contestant: string, seed: number): void {
  console.log(`${contestant}, seed ${seed}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}\n`)
  console.log(row(columns))
  console.log(row(widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))))
}

export function printRow({ fault, hits, log, recoveryMs, wrong }: RoundResult): void {
  const ended = (ending: string): number => log.filter((entry) => entry.ending === ending).length
  const again = log.reduce((sum, { runs }) => sum + Math.max(0, runs - 1), 0)
  const longest = Math.max(0, ...log.map(({ ms }) => ms))
  const recovery = recoveryMs === undefined ? 'never' : `${Math.round(recoveryMs)} ms`
  const counts = [ended('ok'), ended('fail'), ended('unknown'), again]
  console.log(row([fault, hits, ...counts, recovery, `${Math.round(longest)} ms`, wrong.length]))
}

export function printSkipped(fault: string, why: string): void {
  console.log(row([fault, 'not', 'run', '', '', '', '', '', '']) + ` ${why}`)
}

const shown = 5

/** Prints what was wrong. Returns the exit code. */
export function printSummary(
  results: readonly RoundResult[],
  skipped: readonly string[],
  sometimes: ReadonlyMap<string, number>,
): number {
  const failed = results.filter(({ wrong }) => wrong.length > 0)
  for (const { fault, wrong, log } of failed) {
    console.log(`\n${fault}: ${wrong.length} contradictions`)
    for (const line of wrong.slice(0, shown)) console.log(`  ${line}`)
    console.log(`  codes: ${codes(log)}`)
  }
  if (sometimes.size > 0) console.log(`\nSometimes:`)
  for (const [what, times] of sometimes) console.log(`  ${what}: ${times}${times === 0 ? ', NEVER' : ''}`)
  const never = [...sometimes.values()].filter((times) => times === 0).length
  const calls = results.reduce((sum, { log }) => sum + log.length, 0)
  const notRun = skipped.length === 0 ? '' : ` Not run: ${skipped.join(', ')}.`
  console.log(`\n${results.length} rounds, ${calls} calls, ${failed.length} rounds with contradictions.${notRun}`)
  return failed.length === 0 && never === 0 ? 0 : 1
}

function codes(log: RoundResult['log']): string {
  const times = new Map<string, number>()
  for (const { code } of log) if (code !== '') times.set(code, (times.get(code) ?? 0) + 1)
  return [...times].map(([code, n]) => `${code} ${n}`).join(', ')
}
