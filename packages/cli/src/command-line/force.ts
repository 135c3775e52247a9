import type { GuardOptions } from 'plinth/migrate'
import type { Asked } from './asked.ts'

/** Of each command that destroys rows, or lets the next one do so. */
export const forceOptions = {
  force: { about: 'Also on a database that looks like production, together with --force-production' },
  'force-production': { value: 'database', about: 'The name of that database, as the second yes' },
} as const

export type ForceName = keyof typeof forceOptions

/** For `refuseProduction`, which says what looks like production. */
export function guardOptions(asked: Asked<ForceName>, url: string): Omit<GuardOptions, 'action'> {
  const forceProduction = asked.text('force-production')
  return { url, nodeEnv: process.env['NODE_ENV'], force: asked.has('force'), forceProduction }
}
