import type { Command } from '../command-line/command.ts'
import { migrateBaseline } from './migrate-baseline.ts'
import { migrateCheck } from './migrate-check.ts'
import { migrateCreate } from './migrate-create.ts'
import { migrateGenerate } from './migrate-generate.ts'
import { migrateHistory } from './migrate-history.ts'
import { migrateLint } from './migrate-lint.ts'
import { migrateRedo } from './migrate-redo.ts'
import { migrateResolve } from './migrate-resolve.ts'
import { migrateRevert } from './migrate-revert.ts'
import { migrateRun } from './migrate-run.ts'
import { migrateScript } from './migrate-script.ts'
import { migrateSquash } from './migrate-squash.ts'
import { migrateStatus } from './migrate-status.ts'

/** `plinth migrate …`, in the order in which they are listed. */
export const migrate: readonly Command[] = [
  migrateGenerate,
  migrateLint,
  migrateRun,
  migrateRevert,
  migrateRedo,
  migrateStatus,
  migrateHistory,
  migrateCheck,
  migrateCreate,
  migrateSquash,
  migrateBaseline,
  migrateResolve,
  migrateScript,
]
