import { join } from 'node:path'
import type { Database, Transaction } from '../database/queryable.ts'
import { cannotRun } from './cannot-run.ts'
import { readCatalogState } from './catalog-state.ts'
import type { Statements } from './diff-engine.ts'
import { type DraftedStatement, draftStatements, type MissingValue, type RowValues } from './draft.ts'
import { type Change, expectedState, withoutHandMade } from './expected-state.ts'
import type { Direction } from './migrate-options.ts'
import { type Migration, migrationId } from './migration.ts'
import { namesakes } from './namesakes.ts'
import type { Candidate } from './proof.ts'
import { restatements } from './restatements.ts'
import type { Scratch } from './scratch.ts'

export interface CandidatePlan {
  readonly folder: string
  readonly number: number
  readonly name: string
  readonly statements: Statements
  readonly change: Change
  /** By direction. */
  readonly values: Readonly<Record<Direction, RowValues>>
}

/** A change of type that PostgreSQL has no cast for, up or down. */
export interface ValueQuestion extends MissingValue {
  readonly object: 'value'
  readonly direction: Direction
}

type Drafted = Readonly<Record<Direction, readonly DraftedStatement[]>>

/** Time for all statements on empty tables. */
const draftTimeoutMs = 120_000

/**
 * Tries the statements on a scratch database that has everything before them, and leaves that as it was. Resolves with
 * the migration as it should be, or with what somebody must say first.
 */
export async function draftCandidate(
  scratch: Scratch,
  database: Database,
  plan: CandidatePlan,
): Promise<Candidate | ValueQuestion> {
  // Such a statement can be tried in no transaction, and needs no trying: it only builds an index.
  if (isConcurrent(plan.statements.up)) return candidate(plan, withoutTrying(plan.statements), false)
  const drafted = await scratch.withRoles(database, async () => {
    // Left without a commit: rolled back.
    await using tx = await database.begin({ name: plan.name, timeoutMs: draftTimeoutMs })
    return await draftBoth(tx, plan).catch((error: unknown) => {
      throw cannotRun(error)
    })
  })
  return 'object' in drafted ? drafted : candidate(plan, drafted, true)
}

function isConcurrent(statements: readonly string[]): boolean {
  return statements.some((statement) => /^CREATE (?:UNIQUE )?INDEX CONCURRENTLY /.test(statement))
}

function withoutTrying({ up, down }: Statements): Drafted {
  const plain = (text: string): DraftedStatement => ({ text, notes: [] })
  const dropped = down.map((text) => text.replace(/^DROP INDEX /, 'DROP INDEX CONCURRENTLY '))
  return { up: up.map(plain), down: dropped.map(plain) }
}

async function draftBoth(
  tx: Transaction,
  { statements, change, values }: CandidatePlan,
): Promise<Drafted | ValueQuestion> {
  // In UTC PostgreSQL need not rewrite a table for timestamptz, elsewhere it must.
  await tx.query(`set local timezone = 'Asia/Kolkata'`)
  const up = await draftStatements(tx, statements.up.map(inTransaction), values.up)
  if (up.missing) return { object: 'value', direction: 'up', ...up.missing }
  const expected = withoutHandMade(expectedState(change), change)
  const names = namesakes(expected, withoutHandMade(await readCatalogState(tx), change))
  const renamed = await runAll(
    tx,
    names.map((name) => name.up),
  )
  const restated = await runAll(tx, restatements(expected, await readCatalogState(tx)))
  const back = [...names.toReversed().map((name) => name.down), ...statements.down.map(inTransaction)]
  const down = await draftStatements(tx, back, values.down)
  if (down.missing) return { object: 'value', direction: 'down', ...down.missing }
  const restatedBack = await runAll(tx, restatements(change.before, await readCatalogState(tx)))
  return { up: [...up.statements, ...renamed, ...restated], down: [...down.statements, ...restatedBack] }
}

async function runAll(tx: Transaction, statements: readonly string[]): Promise<DraftedStatement[]> {
  for (const statement of statements) await tx.query(statement)
  return statements.map((text) => ({ text, notes: [] }))
}

/** The way back from dropping such an index: in one transaction with the rest it can only be built as others are. */
function inTransaction(statement: string): string {
  return statement.replace(/^(CREATE (?:UNIQUE )?INDEX) CONCURRENTLY /, '$1 ')
}

function candidate(plan: CandidatePlan, { up, down }: Drafted, isInTransaction: boolean): Candidate {
  const { number, name } = plan
  const id = migrationId(number, name)
  const folder = join(plan.folder, id)
  const step = (file: string, statements: readonly DraftedStatement[]): Migration['up'] & { kind: 'sql' } => ({
    kind: 'sql',
    file: join(folder, file),
    text: fileText(statements, isInTransaction),
    inTransaction: isInTransaction,
  })
  const [upStep, downStep] = [step('up.sql', up), step('down.sql', down)]
  const about = { id, number, name, folder, checksum: '', replaces: [], snapshot: undefined }
  return {
    migration: { ...about, up: upStep, down: downStep },
    files: { 'up.sql': upStep.text, 'down.sql': downStep.text },
    notes: [...new Set(up.flatMap(({ notes }) => notes))].filter((note) => !note.startsWith('squawk-')),
    change: plan.change,
  }
}

function fileText(statements: readonly DraftedStatement[], isInTransaction: boolean): string {
  const head = isInTransaction ? [] : ['-- plinth: no-transaction']
  const blocks = statements.map(({ text, notes }) => [...notes.map((note) => `-- ${note}`), text].join('\n'))
  return `${[...head, ...blocks].join('\n\n')}\n`
}
