import type { Database } from 'plinth'
import { type MigrateOptions, resetDatabase } from 'plinth/migrate'
import type { Asked } from '../command-line/asked.ts'
import type { Report } from '../command-line/command.ts'
import { type ForceName, guardOptions } from '../command-line/force.ts'
import { type ChangeName, withChange } from '../migrate/connected.ts'
import { duration } from '../terminal/table.ts'
import { columns } from '../terminal/text.ts'
import { readEnvironment } from './environment.ts'
import { namedSeeds, type SeedName } from './folder.ts'
import { describeSeeds } from './seed.ts'

/** `plinth reset`. Ctrl-C ends the migration or seed that runs, which is undone; what was dropped stays dropped. */
export function resetReport(asked: Asked<ChangeName | SeedName | ForceName>): Promise<Report> {
  const environment = readEnvironment('--env', asked.text('env'))
  return withChange(asked, async (database: Database, migrations: MigrateOptions, { url, config, progress }) => {
    const folder = namedSeeds(asked, config)
    const { signal, lockWaitMs: waitMs } = migrations
    const named = folder === undefined ? {} : { folder }
    const limits = { ...(signal && { signal }), ...(waitMs !== undefined && { waitMs }) }
    const done = await resetDatabase(database, {
      guard: guardOptions(asked, url),
      migrations,
      seeds: { ...named, environment, onProgress: progress.seed, ...limits },
    })
    const ran = done.migrations.map(({ id, durationMs }) => [id, 'migrated', duration(durationMs)])
    const first = ran.length === 0 ? `There are no migrations in ${String(migrations.folder)}.` : columns(ran)
    return { data: done, text: `Dropped what was there.\n${first}\n${describeSeeds(done.seeds, folder ?? 'seeds')}` }
  })
}
