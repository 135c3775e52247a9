import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Database, PlinthError } from 'plinth'
import type { Report } from '../command-line/command.ts'
import { UsageError } from '../command-line/usage-error.ts'
import { kyselyTypes } from './kysely-types.ts'
import { postgrestTypes } from './postgrest-types.ts'
import { tableTypes } from './table-types.ts'
import { readTypedSchema, type TypedSchema } from './typed-schema.ts'

const writers: ReadonlyMap<string, (schema: TypedSchema) => string> = new Map([
  ['table', tableTypes],
  ['kysely', kyselyTypes],
  ['postgrest-js', postgrestTypes],
])

/** The types as text; the same database gives the same text. */
export async function typesOf(database: Database, schemas: readonly string[], library: string): Promise<string> {
  const write = writers.get(library)
  if (write === undefined) throw new UsageError(`--for is ${library}; it must be ${[...writers.keys()].join(', ')}`)
  const made = `Made by \`plinth types --for ${library}\`.`
  const head = `// ${made} Make it again after a migration; do not change it by hand.`
  return `${head}\n${write(await readTypedSchema(database, schemas))}\n`
}

export interface TypesTarget {
  readonly library: string
  readonly out: string | undefined
  readonly isCheck: boolean
}

export async function typesReport(
  database: Database,
  schemas: readonly string[],
  { library, out, isCheck }: TypesTarget,
): Promise<Report> {
  const types = await typesOf(database, schemas, library)
  if (out === undefined) {
    if (isCheck) throw new UsageError('--check compares with the file of --out, which is not given')
    return { data: types, text: types.trimEnd() }
  }
  const isSame = holds(out, types)
  if (isCheck) {
    const text = isSame ? `${out} is up to date.` : `${out} is not what the database has: run it without --check.`
    return { data: { isSame }, text, hasFindings: !isSame }
  }
  if (!isSame) writeFile(out, types)
  return { data: { isSame }, text: isSame ? `${out} was up to date.` : `Wrote ${out}.` }
}

function writeFile(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new PlinthError('InvalidOption', `--out ${path} cannot be written: ${why}.`, { cause })
  }
}

function holds(path: string, text: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path, 'utf8') === text
}
