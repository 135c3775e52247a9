import type { Asked } from '../command-line/asked.ts'
import type { PlinthConfig } from '../config/config.ts'

/** Of each command that runs the seeds. */
export const seedOptions = {
  seeds: { value: 'folder', about: 'Of the seeds (default: seeds in plinth.config.ts, else seeds)' },
  env: { value: 'environment', about: 'development, test or production (default: development)' },
} as const

export type SeedName = keyof typeof seedOptions

/** The command line goes before the configuration. Absent where neither names a folder, which then may be missing. */
export function namedSeeds(asked: Asked<'seeds'>, config: PlinthConfig): string | undefined {
  return asked.text('seeds') ?? config.seeds
}
