import type { PlinthConfig } from '../config/config.ts'
import type { Asked } from './asked.ts'

/** Of each command that reads the folder of migrations. */
export const folderOptions = {
  folder: { value: 'folder', about: 'Of the migrations (default: migrations in plinth.config.ts, else ./migrations)' },
} as const

export function migrationFolder(asked: Asked<'folder'>, config: PlinthConfig): string {
  return asked.text('folder') ?? config.migrations ?? 'migrations'
}
