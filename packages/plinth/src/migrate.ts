// The public names of plinth/migrate: migrations, seeds and reset.
export type { MigrationResult } from './migrate/apply.ts'
export { type Baseline, baselineMigrations, type BaselineOptions } from './migrate/baseline.ts'
export type { MigrationState } from './migrate/comparison.ts'
export { createMigration } from './migrate/create.ts'
export type { Direction, LockHolder, MigrateOptions, MigrationProgress } from './migrate/migrate-options.ts'
export { readMigrations } from './migrate/migration-folder.ts'
export type { Change } from './migrate/migration-record.ts'
export type { CodeStep, Migration, Replaced, SqlStep, Step } from './migrate/migration.ts'
export { migrationScript, type ScriptOptions } from './migrate/migration-script.ts'
export { isMigrationTool, type MigrationTool, type ToolMigration } from './migrate/other-tools.ts'
export { resolveMigration, type ResolveOptions } from './migrate/resolve.ts'
export { planRevert, redoMigration, revertMigrations, type RevertOptions } from './migrate/revert.ts'
export { planMigrations, runMigrations, type RunOptions } from './migrate/run.ts'
export { runScript } from './migrate/run-script.ts'
export { squashMigrations, type SquashOptions } from './migrate/squash.ts'
export { type MigrationChange, migrationHistory, migrationStatus, type MigrationStatus } from './migrate/status.ts'
export { markedEnvironment, markEnvironment, refuseProduction } from './migrate/production-guard.ts'
export type { GuardOptions } from './migrate/production-guard.ts'
export { resetDatabase } from './migrate/reset.ts'
export type { ResetOptions, ResetResult } from './migrate/reset.ts'
export { runSeeds } from './migrate/run-seeds.ts'
export type { ScratchProgress } from './migrate/scratch.ts'
export type { RunSeedsOptions, SeedProgress, SeedResult, SeedStatus } from './migrate/run-seeds.ts'
export { defineSeed, environments } from './migrate/seed.ts'
export type { Environment, Seed, SeedContext, SeedOptions } from './migrate/seed.ts'
export { type CatalogDifference, describeDifference } from './migrate/catalog-difference.ts'
export { checkMigrations, type CheckOptions, type MigrationCheck } from './migrate/check.ts'
export type { Question, Rename } from './migrate/diff-engine.ts'
export {
  type Generated,
  type GeneratedMigration,
  generateMigration,
  type GenerateOptions,
  type GenerateQuestion,
} from './migrate/generate.ts'
export { type LintFinding, lintMigrations, type LintOptions } from './migrate/lint.ts'
