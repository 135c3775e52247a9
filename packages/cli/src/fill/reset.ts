import { resetDatabase } from 'plinth/migrate'
import type { Asked } from '../command-line/asked.ts'
import type { Report } from '../command-line/command.ts'
import type { Connected } from '../command-line/connection.ts'
import { type ForceName, guardOptions } from '../command-line/force.ts'
import { progressLine } from '../terminal/progress.ts'
import { duration } from '../terminal/table.ts'
import { columns } from '../terminal/text.ts'
import { readEnvironment } from './environment.ts'
import { describeSeeds } from './seed.ts'

export async function resetReport(
  { database, url, config }: Connected,
  asked: Asked<'env' | ForceName>,
): Promise<Report> {
  const environment = readEnvironment('--env', asked.text('env'))
  const migrations = config.migrations ?? 'migrations'
  using line = progressLine()
  const done = await resetDatabase(database, {
    guard: guardOptions(asked, url),
    migrations: { folder: migrations, onProgress: line.migration },
    seeds: { ...(config.seeds !== undefined && { folder: config.seeds }), environment, onProgress: line.seed },
  })
  const ran = done.migrations.map(({ id, durationMs }) => [id, 'migrated', duration(durationMs)])
  const first = ran.length === 0 ? `There are no migrations in ${migrations}.` : columns(ran)
  return {
    data: done,
    text: `Dropped what was there.\n${first}\n${describeSeeds(done.seeds, config.seeds ?? 'seeds')}`,
  }
}
