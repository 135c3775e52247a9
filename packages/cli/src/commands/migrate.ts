import type { Command } from '../command-line/command.ts'
import { migrateBaseline } from './migrate-baseline.ts'
import { migrateCreate } from './migrate-create.ts'
import { migrateHistory } from './migrate-history.ts'
import { migrateRedo } from './migrate-redo.ts'
import { migrateResolve } from './migrate-resolve.ts'
import { migrateRevert } from './migrate-revert.ts'
import { migrateRun } from './migrate-run.ts'
import { migrateScript } from './migrate-script.ts'
import { migrateSquash } from './migrate-squash.ts'
import { migrateStatus } from './migrate-status.ts'

/** `plinth migrate …`, in the order in which they are listed. */
export const migrate: readonly Command[] = [
  migrateRun,
  migrateRevert,
  migrateRedo,
  migrateStatus,
  migrateHistory,
  migrateCreate,
  migrateSquash,
  migrateBaseline,
  migrateResolve,
  migrateScript,
]
