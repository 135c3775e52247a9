import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Database } from 'plinth'
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
  const isSame = existsSync(out) && readFileSync(out, 'utf8') === types
  if (isCheck) {
    const text = isSame ? `${out} is up to date.` : `${out} is not what the database has: run it without --check.`
    return { data: { isSame }, text, hasFindings: !isSame }
  }
  if (!isSame) writeFileSync(out, types)
  return { data: { isSame }, text: isSame ? `${out} was up to date.` : `Wrote ${out}.` }
}
