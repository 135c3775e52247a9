import type { ObjectRow, Queryable } from '../database/queryable.ts'
import { PlinthError } from '../errors.ts'
import { quoteName } from '../sql/sql.ts'

/** Whose table of applied migrations a database may have. */
export type MigrationTool = 'drizzle' | 'prisma' | 'typeorm' | 'node-pg-migrate'

export interface ToolMigration {
  readonly name: string
  /** Undefined where the tool has noted none. */
  readonly appliedAt: Date | undefined
}

interface Tool {
  /** Where it keeps them unless it is told otherwise. */
  readonly table: string
  /** Its columns, sorted; of each release that has others. */
  readonly columns: readonly string[]
  /** Undefined for a row that says nothing of the database: one that was rolled back. */
  readonly read: (row: ObjectRow) => (ToolMigration & { readonly isFailed?: boolean }) | undefined
}

const tools: Readonly<Record<MigrationTool, Tool>> = {
  // drizzle-orm 1.0 writes `name` and `applied_at`; up to 0.45 a hash and the time in the journal.
  drizzle: {
    table: 'drizzle.__drizzle_migrations',
    columns: ['applied_at created_at hash id name', 'created_at hash id'],
    read: (row) => ({
      name: String(row['name'] ?? row['hash']),
      appliedAt: toDate(row['applied_at'] ?? Number(row['created_at'])),
    }),
  },
  prisma: {
    table: '_prisma_migrations',
    columns: ['applied_steps_count checksum finished_at id logs migration_name rolled_back_at started_at'],
    read: (row) => {
      if (row['rolled_back_at'] !== null) return undefined
      const appliedAt = toDate(row['finished_at'])
      return { name: String(row['migration_name']), appliedAt, isFailed: appliedAt === undefined }
    },
  },
  typeorm: {
    table: 'migrations',
    columns: ['id name timestamp'],
    read: (row) => ({ name: String(row['name']), appliedAt: toDate(Number(row['timestamp'])) }),
  },
  'node-pg-migrate': {
    table: 'pgmigrations',
    columns: ['id name run_on'],
    read: (row) => ({ name: String(row['name']), appliedAt: toDate(row['run_on']) }),
  },
}

export function isMigrationTool(name: string): name is MigrationTool {
  return Object.hasOwn(tools, name)
}

/** True for the columns of a table in which one of the tools notes its migrations, whatever the table is called. */
export function areToolColumns(columns: readonly string[]): boolean {
  const sorted = columns.toSorted().join(' ')
  return Object.values(tools).some((tool) => tool.columns.includes(sorted))
}

/**
 * The migrations another tool has run on this database, by its own table, the oldest first. Reads only.
 *
 * Throws InvalidOption where there is no such table, and MigrationConflict where it is empty or one of them failed:
 * what the database has then is for the other tool to say.
 */
export async function readToolMigrations(
  on: Queryable,
  tool: MigrationTool,
  table?: string,
): Promise<readonly ToolMigration[]> {
  // Not every caller is type-checked.
  if (!isMigrationTool(tool)) {
    throw new PlinthError(
      'InvalidOption',
      `from is ${String(tool)}; it must be one of ${Object.keys(tools).join(', ')}.`,
    )
  }
  const known = tools[tool]
  const name = table ?? known.table
  const quoted = name.split('.').map(quoteName).join('.')
  const { found } = await on.one<{ found: boolean }>('select to_regclass($1) is not null as found', [quoted])
  if (!found) {
    throw new PlinthError(
      'InvalidOption',
      `This database has no table ${name}, in which ${tool} notes its migrations.`,
      {
        hint: 'If it is called otherwise, name it: schema.table (--table).',
      },
    )
  }
  const { rows } = await on.query<{ row: ObjectRow }>(`select to_jsonb(t) as row from ${quoted} as t order by 1`)
  return checked(
    tool,
    rows.flatMap(({ row }) => known.read(row) ?? []),
  )
}

function checked(tool: MigrationTool, found: readonly (ToolMigration & { isFailed?: boolean })[]): ToolMigration[] {
  const failed = found.find(({ isFailed }) => isFailed)
  if (failed) {
    throw new PlinthError('MigrationConflict', `${failed.name}, a migration of ${tool}, failed or is still running.`, {
      hint: `Finish it with ${tool}, so that the database is what its migrations say.`,
    })
  }
  if (found.length === 0) {
    throw new PlinthError('MigrationConflict', `${tool} has run no migration on this database.`, {
      hint: 'To take the database as it is, leave `from` (--from) out.',
    })
  }
  const at = ({ appliedAt }: ToolMigration): number => appliedAt?.getTime() ?? 0
  return [...found].sort((a, b) => at(a) - at(b)).map(({ name, appliedAt }) => ({ name, appliedAt }))
}

/** Of milliseconds, or of the text that JSON has of a timestamp. */
function toDate(value: unknown): Date | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const date = new Date(value)
  return Number.isNaN(date.getTime()) ? undefined : date
}
