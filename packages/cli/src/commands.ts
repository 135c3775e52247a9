import type { Command } from './command-line/command.ts'
import { dev } from './commands/dev.ts'
import { fillAndRepair } from './commands/fill-and-repair.ts'
import { hub } from './commands/hub.ts'
import { key } from './commands/key.ts'
import { look } from './commands/look.ts'
import { migrate } from './commands/migrate.ts'
import { tasks } from './commands/tasks.ts'
import { types } from './commands/types.ts'

/** Every command, in the order of its group. A new one is a file in commands/ and a line in its group. */
export const commands: readonly Command[] = [dev, types, hub, key, ...look, ...migrate, ...fillAndRepair, ...tasks]
