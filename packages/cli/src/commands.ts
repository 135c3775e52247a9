import type { Command } from './command-line/command.ts'
import { dev } from './commands/dev.ts'
import { health } from './commands/health.ts'
import { hub } from './commands/hub.ts'
import { key } from './commands/key.ts'

/** Every command, in the order in which its group lists it. A new one is a file in commands/ and a line here. */
export const commands: readonly Command[] = [dev, hub, key, health]
