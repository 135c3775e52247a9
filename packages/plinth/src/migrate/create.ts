import { addMigration } from './migration-folder.ts'
import type { Migration } from './migration.ts'

const upTemplate = '-- What changes. All of it runs in one transaction.\n'
const downTemplate = '-- What undoes up.sql. Delete this file if nothing can.\n'
const moduleTemplate = [
  `import type { Transaction } from 'plinth'`,
  '',
  '// Each is run in a transaction, and may be run again when it meets a lock.',
  'export async function up(tx: Transaction): Promise<void> {',
  `  // await tx.query('update users set …')`,
  `  throw new Error('up is not written yet')`,
  '}',
  '',
  '// Delete it if nothing can undo `up`.',
  'export async function down(tx: Transaction): Promise<void> {',
  `  throw new Error('down is not written yet')`,
  '}',
  '',
].join('\n')

/**
 * Makes an empty migration behind the last one, to be written by hand: `NNNN_name/{up.sql,down.sql}`, or
 * `NNNN_name/migration.ts` with `kind: 'code'`. Until it is written, a run refuses it.
 *
 *     const { folder } = await createMigration({ folder: 'migrations', name: 'fill_names', kind: 'code' })
 *
 * Throws InvalidMigration for a name that is none, and where somebody else took the number meanwhile.
 */
export async function createMigration({
  folder,
  name,
  kind = 'sql',
}: {
  readonly folder: string | URL
  /** Small letters, digits and underscores: `add_users`. */
  readonly name: string
  readonly kind?: 'sql' | 'code'
}): Promise<Migration> {
  const files =
    kind === 'code' ? { 'migration.ts': moduleTemplate } : { 'up.sql': upTemplate, 'down.sql': downTemplate }
  return await addMigration(folder, name, files)
}
