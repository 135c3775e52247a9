import type { Database } from 'plinth'
import { checkMigrations, type CheckOptions, describeDifference, type MigrationCheck } from 'plinth/migrate'
import type { Report } from '../command-line/command.ts'
import { showProgress } from '../terminal/progress.ts'

/** `plinth migrate check`: what is pending is told, and is nothing wrong. */
export async function check(database: Database, options: CheckOptions): Promise<Report> {
  using progress = showProgress()
  const found = await checkMigrations(database, { ...options, onProgress: progress.scratch })
  const { drift, conflicts, ungenerated } = found
  return { data: found, text: describe(found), hasFindings: [...drift, ...conflicts, ...ungenerated].length > 0 }
}

function describe({ drift, conflicts, pending, ungenerated, versions }: MigrationCheck): string {
  const differences = drift.map((one) => describeDifference(one, 'the migrations', 'the database'))
  const isOther = versions.database !== versions.scratch
  const caution =
    `Compared with PostgreSQL ${versions.scratch}; the database is ${versions.database}, which may word a definition ` +
    'otherwise. --scratch names a server of its version.'
  const blocks = [
    block(
      'The database is not what its migrations make:',
      isOther && drift.length > 0 ? [...differences, caution] : differences,
    ),
    block(
      'Migrations that are not as they ran:',
      conflicts.map(({ id, state }) => `${id}: ${state}`),
    ),
    block('The entities have changes that no migration makes (plinth migrate generate):', ungenerated),
    block('Not run yet (plinth migrate run):', pending),
  ].filter((one) => one !== '')
  const isFine = drift.length + conflicts.length + ungenerated.length === 0
  return [...(isFine ? ['The database is what its migrations make.'] : []), ...blocks].join('\n\n')
}

function block(head: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [head, ...lines.map((line) => `  ${line}`)].join('\n')
}
