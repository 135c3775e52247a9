import type { Database } from 'plinth'
import type { MigrateOptions } from 'plinth/migrate'
import type { Asked } from '../command-line/asked.ts'
import type { Option } from '../command-line/command.ts'
import { type Connected, connectionOptions, withDatabase } from '../command-line/connection.ts'
import { type ForceName, guardOptions } from '../command-line/force.ts'
import type { Progress } from '../terminal/progress.ts'
import { folderOptions, namedFolder } from './folder.ts'

type StatusName = keyof typeof connectionOptions | keyof typeof folderOptions
export type ChangeName = StatusName | 'lock-wait' | 'lock-timeout' | 'statement-timeout'

/** Of each command that looks at the migrations of a database. */
export const statusOptions: Readonly<Record<StatusName, Option>> = { ...connectionOptions, ...folderOptions }

/** Of each command that changes them. */
export const changeOptions: Readonly<Record<ChangeName, Option>> = {
  ...statusOptions,
  'lock-wait': { value: 'seconds', about: 'How long to wait while another process migrates (default: 60)' },
  'lock-timeout': { value: 'seconds', about: 'How long a statement waits for a locked table (default: 5)' },
  'statement-timeout': { value: 'seconds', about: 'Time limit of each statement (default: 3600)' },
}

/** Runs the work on a connected database, with the folder that was named. */
export function withMigrations<T>(
  asked: Asked<StatusName>,
  work: (database: Database, folder: string, connected: Connected) => Promise<T>,
): Promise<T> {
  return withDatabase(asked, (connected) => work(connected.database, namedFolder(asked, connected.config), connected))
}

/** What work that changes a database may need besides its options. */
interface Changing extends Connected {
  readonly progress: Progress
}

/** The same for work that changes the database: with progress on standard error, and stopped by Ctrl-C. */
export async function withChange<T>(
  asked: Asked<ChangeName>,
  work: (database: Database, options: MigrateOptions, changing: Changing) => Promise<T>,
): Promise<T> {
  const { listenForStop } = await import('../terminal/stop.ts')
  const { showProgress } = await import('../terminal/progress.ts')
  const signal = listenForStop()
  return await withMigrations(asked, async (database, folder, connected) => {
    using progress = showProgress()
    const options = { folder, signal, onProgress: progress.migration, ...limits(asked) }
    return await work(database, options, { ...connected, progress })
  })
}

/** The same for work that destroys rows, with the options of `forceOptions`. */
export async function withDestruction<T>(
  asked: Asked<ChangeName | ForceName>,
  action: string,
  work: (database: Database, options: MigrateOptions) => Promise<T>,
): Promise<T> {
  const { refuseProduction } = await import('plinth/migrate')
  return await withChange(asked, async (database, options, { url }) => {
    await refuseProduction(database, { ...guardOptions(asked, url), action })
    return await work(database, options)
  })
}

/** A week: longer is a misspelt number. */
const mostSeconds = 604_800

function limits(asked: Asked<ChangeName>): Partial<MigrateOptions> {
  const named = [
    ['lockWaitMs', asked.whole('lock-wait', mostSeconds)],
    ['lockTimeoutMs', asked.whole('lock-timeout', mostSeconds)],
    ['statementTimeoutMs', asked.whole('statement-timeout', mostSeconds)],
  ] as const
  const given = named.flatMap(([name, seconds]) => (seconds === undefined ? [] : [[name, seconds * 1000] as const]))
  return Object.fromEntries(given)
}
