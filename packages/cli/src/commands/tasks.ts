import type { Command } from '../command-line/command.ts'
import { tasksLs } from './tasks-ls.ts'
import { tasksShow } from './tasks-show.ts'
import { tasksRetry } from './tasks-retry.ts'
import { deadLs } from './dead-ls.ts'
import { deadRedrive } from './dead-redrive.ts'

/** Commands for background tasks. */
export const tasks: readonly Command[] = [tasksLs, tasksShow, tasksRetry, deadLs, deadRedrive]
