import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PlinthError } from '../errors.ts'
import { readScript } from '../sql/script.ts'
import { type CatalogDifference, catalogDifferences, describeDifference } from './catalog-difference.ts'
import { replacesLine, withoutDirectives } from './header.ts'
import {
  invalid,
  type MigrationFiles,
  migrationOf,
  pathOf,
  readId,
  readMigrations,
  writeFolder,
} from './migration-folder.ts'
import type { Direction } from './migrate-options.ts'
import { type Migration, migrationId, type SqlStep, type Step } from './migration.ts'
import { fileOf } from './prepared-step.ts'
import { openScratch, type ScratchProgress } from './scratch.ts'
import { runOnScratch } from './scratch-run.ts'

export interface SquashOptions {
  readonly folder: string | URL
  /** Numbers of the first and the last one to put together. Default: all. */
  readonly from?: number
  readonly to?: number
  /** Default `squashed`. */
  readonly name?: string
  /** Url of a server where databases for the proof may be made. Default: an embedded PostgreSQL. */
  readonly scratch?: string
  /** What it does on the scratch server; what it throws ends the work. */
  readonly onProgress?: (progress: ScratchProgress) => void
}

/**
 * Puts migrations in a row together into one with the number of the last, and removes their folders; no database of
 * yours is touched. A database that has all of them takes the new one for them and runs nothing; a new database runs
 * it; one that has only some is refused until it has run the rest from an older release.
 *
 *     await squashMigrations({ folder: 'migrations', to: 40 })
 *
 * Before anything is written, both are run on scratch databases, up and down, and what they leave is compared each
 * time. CREATE INDEX CONCURRENTLY becomes a plain one, for a new database has nobody to wait for. Throws
 * InvalidMigration for what cannot be put into one transaction (a module, another file without a transaction) and for
 * what would leave another schema, MigrationFailed for what fails in one: a value of an enum that is used where it was
 * added.
 */
export async function squashMigrations(options: SquashOptions): Promise<Migration> {
  const path = pathOf(options.folder)
  const migrations = await readMigrations(path)
  const chosen = choose(migrations, options)
  const last = chosen.at(-1)
  if (last === undefined || chosen.length < 2)
    throw new PlinthError('InvalidOption', `There are ${chosen.length} migrations to squash; it takes two.`)
  const id = migrationId(last.number, options.name ?? 'squashed')
  const { number, name } = readId(path, id)
  if (chosen.some((one) => one.id === id)) throw invalid(`${id} is one of those to squash.`, 'Choose another name.')
  const files = await filesOf(chosen, last)
  const made = migrationOf({ id, number, name }, join(path, id), files)
  await prove(migrations.slice(0, migrations.indexOf(chosen[0] ?? last)), chosen, made, options)
  await writeFolder(path, id, files)
  for (const { folder } of chosen) await rm(folder, { recursive: true })
  return made
}

/** Runs what was chosen on one database and what was made of it on another, up and then down; they must stay alike. */
async function prove(
  before: readonly Migration[],
  chosen: readonly Migration[],
  made: Migration,
  { scratch: server, onProgress }: SquashOptions,
): Promise<void> {
  await using scratch = await openScratch(server, onProgress)
  const [theirs, ours] = [await scratch.create(), await scratch.create()]
  const compare = async (way: Direction, many: readonly Migration[], one: readonly Migration[]): Promise<void> => {
    const expected = await runOnScratch(scratch, theirs, many, way)
    const differences = catalogDifferences(expected, await runOnScratch(scratch, ours, one, way))
    if (differences.length > 0) throw refuted(made, way, differences)
  }
  await compare('up', [...before, ...chosen], [...before, made])
  if (made.down) await compare('down', chosen.toReversed(), [made])
}

function refuted({ id }: Migration, way: Direction, differences: readonly CatalogDifference[]): PlinthError {
  const said = differences.map((one) => describeDifference(one, 'the migrations', id)).join('; ')
  const [what, of] =
    way === 'up' ? [id, 'its migrations'] : [`The way back of ${id}`, 'the ways back of its migrations']
  return invalid(`${what} would not leave what ${of} leave: ${said}.`, 'Squash fewer of them.')
}

function choose(migrations: readonly Migration[], { from, to }: SquashOptions): readonly Migration[] {
  return migrations.filter(({ number }) => number >= (from ?? number) && number <= (to ?? number))
}

async function filesOf(chosen: readonly Migration[], last: Migration): Promise<MigrationFiles> {
  const ups = chosen.map((one) => `-- ${one.id}\n${inOneTransaction(one, one.up)}`)
  const downs = chosen.map((one) =>
    one.down?.kind === 'sql' ? `-- ${one.id}\n${inOneTransaction(one, one.down)}` : '',
  )
  const hasWayBack = downs.every((down) => down !== '')
  return {
    'up.sql': `${chosen.map(replacesLine).join('\n')}\n\n${ups.join('\n')}`,
    ...(hasWayBack ? { 'down.sql': downs.reverse().join('\n') } : {}),
    ...(last.snapshot === undefined ? {} : { 'snapshot.json': await readFile(last.snapshot, 'utf8') }),
  }
}

function inOneTransaction(migration: Migration, step: Step): string {
  const file = fileOf(migration, step)
  if (step.kind === 'code') throw invalid(`${file} is no SQL.`, `Squash up to ${migration.number - 1}, or behind it.`)
  return step.inTransaction ? ended(withoutDirectives(step.text)) : withoutConcurrently(file, step, migration)
}

/** With a semicolon behind its last statement, for another one follows. */
function ended(text: string): string {
  const count = (script: string): number => [...readScript(script)].length
  const isEnded = count(`${text}\nselect 1`) > count(text)
  return isEnded ? `${text.trimEnd()}\n` : `${text.trimEnd()}\n;\n`
}

const concurrent =
  /^((?:create\s+(?:unique\s+)?|drop\s+|reindex\s+(?:\([^)]*\)\s*)?)(?:index|table|schema))\s+concurrently\b/i

function withoutConcurrently(file: string, { text }: SqlStep, { number }: Migration): string {
  const statements = [...readScript(text)].map((piece) => {
    const plain = piece.text.replace(concurrent, '$1')
    if (plain !== piece.text) return `${plain};\n`
    throw invalid(
      `${file}, line ${piece.line}, may need to run without a transaction.`,
      `Squash up to ${number - 1}, or behind it.`,
    )
  })
  return statements.join('')
}
