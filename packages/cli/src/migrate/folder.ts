import type { Asked } from '../command-line/asked.ts'
import { UsageError } from '../command-line/usage-error.ts'
import type { PlinthConfig } from '../config/config.ts'

/** Of each command that reads or writes the folder of the migrations. */
export const folderOptions = {
  migrations: {
    value: 'folder',
    about: 'Of the migrations (default: migrations in plinth.config.ts, else migrations)',
  },
} as const

/** Of each command that proves or compares on a PostgreSQL of its own. */
export const scratchOptions = {
  scratch: {
    value: 'url',
    about: 'Server for proof and comparison (default: scratch in plinth.config.ts, else an embedded PostgreSQL)',
  },
} as const

export const configOption = {
  config: { value: 'file', about: 'Default: plinth.config.ts, where there is one' },
} as const

/** The command line goes before the configuration. */
export function namedFolder(asked: Asked<'migrations'>, config: PlinthConfig): string {
  return asked.text('migrations') ?? config.migrations ?? 'migrations'
}

/** Empty where nobody names a server: then it is an embedded one. */
export function namedScratch(asked: Asked<'scratch'>, config: PlinthConfig): { readonly scratch?: string } {
  const scratch = asked.text('scratch') ?? config.scratch
  return scratch === undefined ? {} : { scratch }
}

/** For a command that needs no database. */
export async function readNamedFolder(asked: Asked<'migrations' | 'config'>): Promise<string> {
  const { loadConfig } = await import('../config/load-config.ts')
  return namedFolder(asked, await loadConfig(asked.text('config')))
}

/** `7`, `0007` and `0007_add_users` are the same migration. */
export function numberOf(text: string): number {
  const [digits] = /^\d+(?=_|$)/.exec(text) ?? []
  if (digits !== undefined && Number(digits) <= 2_147_483_647) return Number(digits)
  throw new UsageError(`${text} is no number of a migration`)
}
