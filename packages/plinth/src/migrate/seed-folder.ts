import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PlinthError } from '../errors.ts'
import { environments, type Seed } from './seed.ts'
import { checksumOf, importFrom, listFolder } from './source-file.ts'

export interface SeedFile {
  /** The file's name without its ending, `010_users`. */
  readonly id: string
  readonly path: string
  /** SHA-256, with line ends as \n. */
  readonly checksum: string
}

const seedName = /^\d+_[A-Za-z0-9_-]+\.(?:ts|mts|js|mjs)$/
/** Modules that a seed imports may lie beside it; they begin with a letter or an underscore. */
const startsAsSeed = /^\d.*\.(?:ts|mts|js|mjs)$/

/**
 * The seeds of a folder in the order of their numbers. Files whose names do not begin with a digit are not seeds; a
 * folder that is not there has none.
 *
 * Throws InvalidSeed for a name that cannot be read, and for two seeds of one number, whose order nobody could tell.
 */
export async function readSeeds(folder: string | URL): Promise<readonly SeedFile[]> {
  const path = resolve(folder instanceof URL ? fileURLToPath(folder) : folder)
  const names = (await listFolder(path, invalidSeed))
    .map(({ name }) => name)
    .filter((name) => startsAsSeed.test(name) && !name.endsWith('.d.ts'))
  const wrong = names.find((name) => !seedName.test(name))
  if (wrong !== undefined)
    throw invalidSeed(`${join(path, wrong)} is not named like a seed.`, 'Call it NNN_name.ts, such as 010_users.ts.')
  const sorted = names.toSorted((a, b) => numberOf(a) - numberOf(b))
  refuseTwins(sorted)
  return Promise.all(sorted.map((name) => readSeed(join(path, name), name)))
}

function numberOf(name: string): number {
  return Number.parseInt(name, 10)
}

function refuseTwins(sorted: readonly string[]): void {
  const at = sorted.findIndex((name, i) => i > 0 && numberOf(name) === numberOf(sorted[i - 1] ?? ''))
  if (at < 0) return
  throw invalidSeed(
    `The seeds ${sorted[at - 1]} and ${sorted[at]} have one number.`,
    'Give the later one a higher number.',
  )
}

async function readSeed(path: string, name: string): Promise<SeedFile> {
  const checksum = checksumOf(await readFile(path, 'utf8'))
  return { id: name.slice(0, name.lastIndexOf('.')), path, checksum }
}

/** Imports the module of a seed. Throws InvalidSeed when it cannot be run or exports none. */
export async function loadSeed({ path }: SeedFile): Promise<Seed> {
  const seed = await importFrom(path, 'default', path, invalidSeed)
  if (!isSeed(seed)) throw invalidSeed(`${path} exports no seed.`, 'export default defineSeed(async (tx) => { … })')
  const unknown = seed.environments.find((one) => !environments.includes(one))
  if (unknown !== undefined)
    throw invalidSeed(`${path} is for the environment ${String(unknown)}.`, `There are ${environments.join(', ')}.`)
  return seed
}

function isSeed(value: unknown): value is Seed {
  if (typeof value !== 'object' || value === null || !('run' in value) || !('environments' in value)) return false
  return typeof value.run === 'function' && Array.isArray(value.environments)
}

export function invalidSeed(message: string, hint: string, cause?: unknown): PlinthError {
  return new PlinthError('InvalidSeed', message, { hint, ...(cause === undefined ? {} : { cause }) })
}
