import type { Database } from 'plinth'
import type { PlinthConfig } from '../config/config.ts'
import type { Asked } from './asked.ts'
import { UsageError } from './usage-error.ts'

// Every declaration of a command imports this file, so what is heavy is imported when it is used: 0.3 s of the sources.

/** Of each command that works on a database. */
export const connectionOptions = {
  url: { value: 'url', about: 'postgres://user:password@host:port/database (default: url in plinth.config.ts)' },
  config: { value: 'file', about: 'Default: plinth.config.ts, where there is one' },
  wait: { value: 'seconds', about: 'How long to wait for the database (default: 10)' },
} as const

type ConnectionName = keyof typeof connectionOptions

export interface Connected {
  readonly database: Database
  readonly url: string
  readonly config: PlinthConfig
}

/** Runs the work on a connected database and closes it, whatever becomes of the work. */
export function withDatabase<T>(asked: Asked<ConnectionName>, work: (connected: Connected) => Promise<T>): Promise<T> {
  return withUnconnected(asked, async (connected) => {
    await connected.database.connect({ deadlineMs: waitMs(asked) })
    return await work(connected)
  })
}

/** The same for who wants to hear of a database that cannot be reached. */
export async function withUnconnected<T>(
  asked: Asked<ConnectionName>,
  work: (connected: Connected) => Promise<T>,
): Promise<T> {
  const [{ createDatabase }, { loadConfig }] = await Promise.all([import('plinth'), import('../config/load-config.ts')])
  const config = await loadConfig(asked.text('config'))
  const url = namedUrl(asked.text('url'), config)
  await using database = createDatabase({ url, service: 'plinth-cli', pool: { max: 4 } })
  return await work({ database, url, config })
}

export function waitMs(asked: Asked<'wait'>): number {
  return Math.max((asked.whole('wait') ?? 10) * 1000, 1)
}

/** The command line goes before the configuration; the environment is read by neither. */
export function namedUrl(flag: string | undefined, config: PlinthConfig): string {
  const url = flag ?? config.url
  if (url !== undefined) return url
  throw new UsageError(
    'No database is named: give --url postgres://user:password@host:port/database, or url in plinth.config.ts',
  )
}
