import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PlinthError } from '../errors.ts'
import { readHeader } from './header.ts'
import { type Migration, migrationId, type Step } from './migration.ts'
import { checksumOf, listFolder } from './source-file.ts'

const upFile = 'up.sql'
const downFile = 'down.sql'
const snapshotFile = 'snapshot.json'
/** Node runs TypeScript as it is; the last name is for those who ship compiled code. */
const stepFiles = [upFile, downFile, 'migration.ts', 'migration.js']

/** Texts by the names of their files. */
export type MigrationFiles = Readonly<Record<string, string>>

/** PostgreSQL's int, which holds the number in plinth.migration. */
const highestNumber = 2_147_483_647

/**
 * Reads a folder of migrations, `NNNN_name/{up.sql,down.sql,snapshot.json}` or `NNNN_name/migration.ts`, in the order
 * of their numbers. A folder that does not exist holds none. Files beside the migrations' folders are passed over.
 *
 * Throws InvalidMigration for what could not be run as it was meant: a name without a number, a number that is missing
 * or there twice, a migration without an up, a directive that nobody knows.
 *
 *     const migrations = await readMigrations('migrations')
 */
export async function readMigrations(folder: string | URL): Promise<readonly Migration[]> {
  const path = pathOf(folder)
  const named = (await listFolders(path)).map((id) => ({ id, ...readId(path, id) }))
  named.sort((a, b) => a.number - b.number)
  refuseWrongNumbers(path, named)
  const migrations: Migration[] = []
  for (const one of named) migrations.push(await readMigration(one, join(path, one.id)))
  return migrations
}

/**
 * Writes a new migration behind the last one: all of its files, or nothing. Throws InvalidMigration where a name is
 * none, or somebody else took the number meanwhile.
 */
export async function addMigration(folder: string | URL, name: string, files: MigrationFiles): Promise<Migration> {
  const path = pathOf(folder)
  const last = (await readMigrations(path)).at(-1)
  const number = (last?.number ?? 0) + 1
  const id = migrationId(number, name)
  readId(path, id)
  await writeFolder(path, id, files)
  await refuseTaken(path, id, number)
  return readMigration({ id, number, name }, join(path, id))
}

/** Looked at afterwards, so that of two at once the later one sees the other; perhaps each sees it, and both go. */
async function refuseTaken(path: string, id: string, number: number): Promise<void> {
  const other = (await listFolders(path)).find((one) => one !== id && Number.parseInt(one, 10) === number)
  if (other === undefined) return
  await rm(join(path, id), { recursive: true })
  throw invalid(`${join(path, other)} has the number ${number} as well.`, 'It was added meanwhile: try again.')
}

/**
 * Under another name first, which no reader takes for a migration: one that stops half way leaves no half migration.
 */
export async function writeFolder(path: string, id: string, files: MigrationFiles): Promise<void> {
  const unfinished = join(path, `.${id}.${process.pid}`)
  await mkdir(unfinished, { recursive: true })
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(unfinished, name), text)
    await rename(unfinished, join(path, id))
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true })
    throw invalid(`${join(path, id)} could not be written.`, 'Look whether it is there already.', cause)
  }
}

export function pathOf(folder: string | URL): string {
  return resolve(folder instanceof URL ? fileURLToPath(folder) : folder)
}

export function invalid(message: string, hint: string, cause?: unknown): PlinthError {
  return new PlinthError('InvalidMigration', message, { hint, ...(cause === undefined ? {} : { cause }) })
}

interface Named {
  readonly id: string
  readonly number: number
  readonly name: string
}

async function listFolders(path: string): Promise<string[]> {
  const entries = await listFolder(path, invalid)
  return entries.filter((one) => one.isDirectory() && !one.name.startsWith('.')).map(({ name }) => name)
}

/** Throws InvalidMigration for a name that no migration can have. */
export function readId(path: string, id: string): { number: number; name: string } {
  const [, digits = '', name = ''] = /^(\d{4,})_([a-z0-9][a-z0-9_]*)$/.exec(id) ?? []
  const number = Number(digits)
  if (name !== '' && number >= 1 && number <= highestNumber) return { number, name }
  throw invalid(
    `${join(path, id)} is not named like a migration.`,
    'A migration is a folder such as 0001_add_users: a number of four digits, small letters, digits and underscores.',
  )
}

/** The first may be any: a squash leaves the number of the last one it replaced. */
function refuseWrongNumbers(path: string, named: readonly Named[]): void {
  for (const [at, one] of named.entries()) {
    const before = named[at - 1]
    if (before === undefined || one.number === before.number + 1) continue
    if (one.number === before.number) {
      throw invalid(
        `${path} has two migrations with the number ${one.number}: ${before.id} and ${one.id}.`,
        'If they come from two branches, give the one that no database has run yet the next number. If one of them ' +
          'is a squash that was cut off, delete the folders that its up.sql says it replaces.',
      )
    }
    throw invalid(
      `${path} has no migration between ${before.id} and ${one.id}.`,
      `Bring back the one that is missing, or give ${one.id} the number ${before.number + 1} if no database has ` +
        'run it.',
    )
  }
}

async function readMigration(named: Named, folder: string): Promise<Migration> {
  const texts: Record<string, string> = {}
  for (const name of await readdir(folder)) {
    // A snapshot may be large, and no run reads it.
    if (name === snapshotFile) texts[name] = ''
    else if (stepFiles.includes(name)) texts[name] = await readText(join(folder, name))
  }
  return migrationOf(named, folder, texts)
}

/** The migration that these files are, or would be, in `folder`. */
export function migrationOf({ id, number, name }: Named, folder: string, files: MigrationFiles): Migration {
  const snapshot = files[snapshotFile] === undefined ? undefined : join(folder, snapshotFile)
  const ups = stepFiles.filter((file) => file !== downFile && files[file] !== undefined)
  if (ups.length > 1) {
    throw invalid(`${folder} holds ${ups.join(' and ')}.`, 'A migration is SQL or a module: keep one of them.')
  }
  const [upName] = ups
  const up = files[upName ?? '']
  if (upName === undefined || up === undefined)
    throw invalid(`${folder} has no ${upFile}.`, 'Add it, or remove the folder.')
  const about = { id, number, name, folder, snapshot, checksum: checksumOf(up) }
  const file = join(folder, upName)
  if (upName !== upFile) return { ...about, up: { kind: 'code', file }, down: { kind: 'code', file }, replaces: [] }
  const { inTransaction, replaces } = readHeader(file, up)
  return { ...about, up: { kind: 'sql', file, text: up, inTransaction }, down: downOf(folder, files), replaces }
}

function downOf(folder: string, files: MigrationFiles): Step | undefined {
  const text = files[downFile]
  if (text === undefined) return undefined
  const file = join(folder, downFile)
  return { kind: 'sql', file, text, inTransaction: readHeader(file, text).inTransaction }
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw invalid(`${file} is not UTF-8.`, 'Save it as UTF-8.', cause)
  }
}
