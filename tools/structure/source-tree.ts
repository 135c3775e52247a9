import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

export interface Import {
  readonly from: string
  /** `all`: a namespace, `export *` or dynamic import, which uses every export. */
  readonly names: readonly string[] | 'all'
  readonly isType: boolean
  /** Re-exported under these names. */
  readonly isExport: boolean
}

export interface SourceFile {
  /** From the root, with `/`. */
  readonly path: string
  readonly imports: readonly Import[]
  /** Names declared and exported here. */
  readonly exports: readonly string[]
  /** Those of them that name types and occur in this file's own signatures too. */
  readonly spokenTypes: readonly string[]
}

export interface Manifest {
  readonly name: string
  readonly bin?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** Files of the checkout that git tracks or would track, without those deleted from the disk. */
export function projectFiles(pattern: RegExp): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  const paths = new Set(listed.toString().split('\0'))
  return [...paths].filter((path) => pattern.test(path) && existsSync(join(root, path))).sort()
}

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export function manifest(folder: string): Manifest {
  const parsed: unknown = JSON.parse(read(join(folder, 'package.json')))
  assert.ok(isManifest(parsed), `${folder}/package.json has no name`)
  return parsed
}

function isManifest(parsed: unknown): parsed is Manifest {
  return typeof parsed === 'object' && parsed !== null && 'name' in parsed
}

/** Fails with one line for each thing found. */
export function none(found: readonly string[]): void {
  assert.ok(found.length === 0, `\n${found.join('\n')}`)
}

/** Folders of the workspace's packages, from the root. */
export function packageFolders(): string[] {
  return projectFiles(/^packages\/[^/]+\/package\.json$/).map(dirname)
}

/** Sources that `package.json` names as entry points: `exports`, and main.ts, which the command's bin imports. */
export function entryPoints(folder: string): string[] {
  const targets = Object.values(manifest(folder).exports ?? {}).flatMap((conditions) => conditions['plinth-dev'] ?? [])
  const main = manifest(folder).bin === undefined ? [] : ['src/main.ts']
  return [...targets, ...main].map((target) => normalize(join(folder, target)))
}

export function sourceFiles(pattern: RegExp): SourceFile[] {
  return projectFiles(pattern).map((path) => readSource(path, read(path)))
}

/** The file an import of a relative path means; undefined for a package. */
export function target(importer: string, from: string): string | undefined {
  return from.startsWith('.') ? normalize(join(dirname(importer), from)) : undefined
}

/** `@scope/name/part` is of the package `@scope/name`; `node:fs` of none. */
export function packageOf(from: string): string | undefined {
  if (from.startsWith('.') || from.startsWith('node:')) return undefined
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/')
}

const statement =
  /^(import|export)\s+(type\s+)?(?:(\*(?:\s+as\s+\w+)?|(?:\w+\s*,\s*)?\{[^}]*\}|\w+(?:\s*,\s*\*\s+as\s+\w+)?)\s+from\s+)?'([^']+)'/gm
const dynamic = /(?<!typeof )\bimport\(\s*'([^']+)'/g
const declared =
  /^export\s+(?:default\s+)?(?:declare\s+)?(?:async\s+|abstract\s+)*(?:function\*?|class|const|let|type|interface)\s+([\w$]+)/gm
const listed = /^export\s+(?:type\s+)?\{([^}]*)\}(?!\s*from)/gm

/**
 * Reads import and export statements by their text. It relies on biome's formatting, where each begins its line, and
 * on comments and templates not imitating one at the start of a line.
 */
export function readSource(path: string, source: string): SourceFile {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const imports = [...code.matchAll(statement)].map(
    ([, keyword, isType, what = '', from = '']): Import => ({
      from,
      names: what.includes('*') ? 'all' : importedNames(what),
      isType: isType !== undefined || isOnlyTypes(what),
      isExport: keyword === 'export',
    }),
  )
  for (const [, from = ''] of code.matchAll(dynamic))
    imports.push({ from, names: 'all', isType: false, isExport: false })
  const exports = [...code.matchAll(declared)].map(([, name = '']) => name)
  for (const [, names = ''] of code.matchAll(listed)) exports.push(...exportedNames(names))
  const types = [...code.matchAll(/^export\s+(?:type|interface)\s+([\w$]+)/gm)].map(([, name = '']) => name)
  const spokenTypes = types.filter((name) => [...code.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].length > 1)
  return { path, imports, exports, spokenTypes }
}

function members(list: string): string[] {
  const inside = list.includes('{') ? list.slice(list.indexOf('{') + 1, list.lastIndexOf('}')) : list
  return inside
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
}

function importedNames(what: string): string[] {
  const named = what.includes('{')
    ? members(what).map((member) => member.replace(/^type /, '').split(' as ')[0] ?? '')
    : []
  return /^\w/.test(what) ? ['default', ...named] : named
}

function exportedNames(list: string): string[] {
  return members(list).map(
    (member) =>
      member
        .replace(/^type /, '')
        .split(' as ')
        .at(-1) ?? '',
  )
}

function isOnlyTypes(what: string): boolean {
  return what.startsWith('{') && members(what).every((member) => member.startsWith('type '))
}
