import type { Command } from '../command-line/command.ts'
import { health } from './health.ts'
import { doctor } from './doctor.ts'
import { tables } from './tables.ts'
import { schema } from './schema.ts'
import { queries } from './queries.ts'
import { locks } from './locks.ts'

/** Commands that change nothing. */
export const look: readonly Command[] = [health, doctor, tables, schema, queries, locks]
