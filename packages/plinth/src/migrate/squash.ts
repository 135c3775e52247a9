import { readFile, rm } from 'node:fs/promises'
import { PlinthError } from '../errors.ts'
import { readScript } from '../sql/script.ts'
import { replacesLine, withoutDirectives } from './header.ts'
import { invalid, pathOf, readMigrations, writeFolder } from './migration-folder.ts'
import { type Migration, migrationId, type SqlStep, type Step } from './migration.ts'
import { fileOf } from './prepared-step.ts'

export interface SquashOptions {
  readonly folder: string | URL
  /** Numbers of the first and the last one to put together. Default: all. */
  readonly from?: number
  readonly to?: number
  /** Default `squashed`. */
  readonly name?: string
}

/**
 * Puts migrations in a row together into one with the number of the last, and removes their folders; no database is
 * touched. A database that has all of them takes the new one for them and runs nothing; a new database runs it; one that
 * has only some is refused until it has run the rest from an older release.
 *
 *     await squashMigrations({ folder: 'migrations', to: 40 })
 *
 * CREATE INDEX CONCURRENTLY becomes a plain one, for a new database has nobody to wait for. Throws InvalidMigration for
 * what cannot be put into one transaction: a module, another file without a transaction.
 */
export async function squashMigrations(options: SquashOptions): Promise<Migration> {
  const path = pathOf(options.folder)
  const chosen = choose(await readMigrations(path), options)
  const last = chosen.at(-1)
  if (last === undefined || chosen.length < 2)
    throw new PlinthError('InvalidOption', `There are ${chosen.length} migrations to squash; it takes two.`)
  const { number } = last
  const id = migrationId(number, options.name ?? 'squashed')
  if (chosen.some((one) => one.id === id)) throw invalid(`${id} is one of those to squash.`, 'Choose another name.')
  await writeFolder(path, id, await filesOf(chosen, last))
  for (const { folder } of chosen) await rm(folder, { recursive: true })
  const [made] = (await readMigrations(path)).filter((one) => one.id === id)
  if (made) return made
  throw invalid(`${id} is gone again.`, 'Somebody else changes the folder.')
}

function choose(migrations: readonly Migration[], { from, to }: SquashOptions): readonly Migration[] {
  return migrations.filter(({ number }) => number >= (from ?? number) && number <= (to ?? number))
}

async function filesOf(chosen: readonly Migration[], last: Migration): Promise<Record<string, string>> {
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
