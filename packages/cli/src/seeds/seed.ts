import { refuseProduction, runSeeds, type SeedResult } from 'plinth/migrate'
import type { Asked } from '../command-line/asked.ts'
import type { Report } from '../command-line/command.ts'
import type { Connected } from '../command-line/connection.ts'
import { type ForceName, guardOptions } from '../command-line/force.ts'
import { showProgress } from '../terminal/progress.ts'
import { listenForStop } from '../terminal/stop.ts'
import { duration } from '../terminal/table.ts'
import { columns } from '../terminal/text.ts'
import { readEnvironment } from './environment.ts'
import { namedSeeds, type SeedName } from './folder.ts'

/** Rows for development have no place in production either, so they are refused there as a reset is. */
export async function seedReport(
  { database, url, config }: Connected,
  asked: Asked<SeedName | ForceName>,
): Promise<Report> {
  const signal = listenForStop()
  const environment = readEnvironment('--env', asked.text('env'))
  if (environment !== 'production')
    await refuseProduction(database, { ...guardOptions(asked, url), action: `seed it as ${environment}` })
  const folder = namedSeeds(asked, config) ?? 'seeds'
  using progress = showProgress()
  const results = await runSeeds(database, { folder, environment, signal, onProgress: progress.seed })
  const isOdd = results.some(({ status }) => status === 'changed' || status === 'missing')
  return { data: results, text: describeSeeds(results, folder), hasFindings: isOdd }
}

export function describeSeeds(results: readonly SeedResult[], folder: string): string {
  if (results.length === 0) return `There are no seeds in ${folder}.`
  return columns(
    results.map(({ id, status, durationMs }) => [
      id,
      words[status],
      durationMs === undefined ? '' : duration(durationMs),
    ]),
  )
}

const words: Readonly<Record<SeedResult['status'], string>> = {
  ran: 'ran',
  done: 'ran before',
  changed: 'ran before, and the file has changed since: not run again',
  'other environment': 'not for this environment',
  missing: 'ran before, and the file is gone',
}
