// The public names of plinth/migrate: migrations, seeds and reset.
export { addMigration, readMigrations } from './migrate/migration-folder.ts'
export type { CodeStep, Migration, Replaced, SqlStep, Step } from './migrate/migration.ts'
