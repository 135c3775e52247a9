import type { Command } from './command-line/command.ts'
import { deadLs } from './commands/dead-ls.ts'
import { deadRedrive } from './commands/dead-redrive.ts'
import { dev } from './commands/dev.ts'
import { doctor } from './commands/doctor.ts'
import { fixSequences } from './commands/fix-sequences.ts'
import { health } from './commands/health.ts'
import { hub } from './commands/hub.ts'
import { key } from './commands/key.ts'
import { locks } from './commands/locks.ts'
import { mark } from './commands/mark.ts'
import { migrate } from './commands/migrate.ts'
import { queries } from './commands/queries.ts'
import { reset } from './commands/reset.ts'
import { schema } from './commands/schema.ts'
import { seed } from './commands/seed.ts'
import { tables } from './commands/tables.ts'
import { tasksLs } from './commands/tasks-ls.ts'
import { tasksRetry } from './commands/tasks-retry.ts'
import { tasksShow } from './commands/tasks-show.ts'
import { types } from './commands/types.ts'

/** Every command, in the order in which its group lists it. A new one is a file in commands/ and a line here. */
export const commands: readonly Command[] = [
  dev,
  types,
  hub,
  key,
  health,
  doctor,
  tables,
  schema,
  queries,
  locks,
  ...migrate,
  seed,
  reset,
  mark,
  fixSequences,
  tasksLs,
  tasksShow,
  tasksRetry,
  deadLs,
  deadRedrive,
]
