import type { OpenContestant } from '../contestant.ts'
import { openDrizzle, openKysely } from './libraries.ts'
import { openPg } from './pg.ts'
import { openPgPool } from './pg-pool.ts'
import { openPlinth } from './plinth.ts'

export const contestants: Readonly<Record<string, OpenContestant>> = {
  plinth: openPlinth,
  pg: openPg,
  'pg-pool': openPgPool,
  kysely: openKysely,
  drizzle: openDrizzle,
}
