import type { Command } from '../command-line/command.ts'
import { seed } from './seed.ts'
import { reset } from './reset.ts'
import { mark } from './mark.ts'
import { fixSequences } from './fix-sequences.ts'

/** Commands that fill a database, empty it and mend it. */
export const fillAndRepair: readonly Command[] = [seed, reset, mark, fixSequences]
