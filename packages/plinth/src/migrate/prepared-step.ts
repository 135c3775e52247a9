import { basename } from 'node:path'
import type { Transaction } from '../database/queryable.ts'
import { type Piece, readScript } from '../sql/script.ts'
import { isTransactionControl, type Words, wordsOf } from '../sql/statement-words.ts'
import { invalid } from './migration-folder.ts'
import type { CodeStep, Migration, SqlStep, Step } from './migration.ts'
import type { Direction } from './migrate-options.ts'
import { runScript } from './run-script.ts'
import { inFile } from './script-place.ts'
import { importFrom } from './source-file.ts'

export interface StatementOfFile {
  readonly line: number
  readonly text: string
}

/** One direction of a migration, read and found fit to run. */
export type PreparedStep =
  | {
      readonly kind: 'transaction'
      /** 0 of a module: its statements are its own. */
      readonly statements: number
      readonly run: (tx: Transaction, onStatement: (line: number) => void) => Promise<unknown>
    }
  | { readonly kind: 'alone'; readonly file: string; readonly statements: readonly StatementOfFile[] }

/**
 * Reads what is to be run before anything is: a file that cannot be cut into statements, or a module that cannot be
 * loaded, stops a run before its first migration. Throws InvalidMigration and InvalidStatement.
 */
export async function prepareStep(migration: Migration, direction: Direction): Promise<PreparedStep> {
  const step = migration[direction]
  if (step === undefined) {
    throw invalid(
      `${migration.id} cannot be reverted: it has no down.sql.`,
      `Write one, or undo it by hand and say so: plinth migrate resolve ${migration.number} --reverted`,
    )
  }
  return step.kind === 'sql'
    ? prepareSql(fileOf(migration, step), step)
    : await prepareModule(fileOf(migration, step), step, direction)
}

/** As people know it: `0001_add_users/up.sql`. */
export function fileOf({ id }: Migration, { file }: Step): string {
  return `${id}/${basename(file)}`
}

function prepareSql(file: string, { text, inTransaction }: SqlStep): PreparedStep {
  const pieces = readPieces(file, text)
  if (pieces.length === 0) throw invalid(`${file} holds no statement.`, 'Write it, or remove the migration.')
  if (inTransaction)
    return {
      kind: 'transaction',
      statements: pieces.length,
      run: (tx, onStatement) => runScript(tx, file, text, onStatement),
    }
  for (const piece of pieces) refuseAlone(file, piece)
  return { kind: 'alone', file, statements: pieces }
}

function refuseAlone(file: string, { kind, line, text }: Piece): void {
  const words = wordsOf(text)
  if (kind !== 'statement' || isTransactionControl(words)) {
    throw invalid(
      `${file}, line ${line}: a file with no-transaction holds ${kind === 'statement' ? words[0] : kind}.`,
      'Its statements run one by one. Move what belongs together into a migration of its own.',
    )
  }
  if (!isRoleChange(words)) return
  throw invalid(
    `${file}, line ${line}: a file with no-transaction takes another role, which could not record what was done.`,
    'Run it as a user who is a member of that role, which is enough to build an index; set the role in no file.',
  )
}

const roleSettings: ReadonlySet<string> = new Set(['role', 'session_authorization'])

/** `set role`, `set session authorization`, and both with `session` or `local` before. */
function isRoleChange([first, second, third]: Words): boolean {
  const isNamed = roleSettings.has(second) || roleSettings.has(third)
  return first === 'set' && (isNamed || third === 'authorization' || third === 'session')
}

function readPieces(file: string, text: string): Piece[] {
  try {
    return [...readScript(text)]
  } catch (error) {
    throw inFile(error, file)
  }
}

async function prepareModule(file: string, step: CodeStep, direction: Direction): Promise<PreparedStep> {
  const run = await importFrom(step.file, direction, file, invalid)
  if (typeof run !== 'function') {
    throw invalid(`${file} exports no function ${direction}.`, `export async function ${direction}(tx: Transaction)`)
  }
  return {
    kind: 'transaction',
    statements: 0,
    run: async (tx) => (await Reflect.apply(run, undefined, [tx])) as unknown,
  }
}
