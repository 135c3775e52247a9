import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { isPlinthError, PlinthError } from '../errors.ts'
import { readScript } from '../sql/script.ts'
import type { Migration, SqlStep } from './migration.ts'
import { fieldOf, peerPackage } from './peer-package.ts'

export interface LintOptions {
  /** Rules of squawk that are not asked, besides those that say nothing about a migration of Plinth. Default: none. */
  readonly exclude?: readonly string[]
}

export interface LintFinding {
  /** Of the migration, `0001_add_users`. */
  readonly id: string
  /** Path of the file. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** Squawk's name of it, such as `ban-drop-column`. */
  readonly rule: string
  readonly message: string
  readonly advice: string
}

// The runner sets both limits, and undoes a migration as a whole. The rest is taste, and the entities' business.
const needless = [
  ...['require-lock-timeout', 'require-statement-timeout', 'require-timeout-settings', 'prefer-robust-stmts'],
  ...[
    'prefer-bigint-over-int',
    'prefer-bigint-over-smallint',
    'prefer-identity',
    'prefer-text-field',
    'prefer-timestamp-tz',
  ],
  ...['ban-char-field', 'require-enum-value-ordering', 'require-table-schema'],
]

/** Where Plinth has a way of its own. */
const advices: Readonly<Record<string, string>> = {
  'require-concurrent-index-creation':
    'Write .concurrently() behind the index in the entities: it becomes a migration of its own, without a transaction.',
  'require-concurrent-index-deletion':
    'Write DROP INDEX CONCURRENTLY into a migration of its own that begins with -- plinth: no-transaction.',
  'ban-concurrent-index-creation-in-transaction':
    'Put it into a migration of its own that begins with -- plinth: no-transaction.',
  'adding-required-field': 'Give it a default, or generate the migration with --using table.column=<SQL>.',
}

const timeoutMs = 60_000
const maxOutputBytes = 64 * 1024 * 1024

/**
 * Asks squawk what the up.sql of migrations would do to a database in use: locks that stop others, what is dropped,
 * columns that old rows do not have. It knows whether the runner gives a file a transaction. Modules are passed over.
 * A comment `-- squawk-ignore ban-drop-column` above a statement says that it is meant; `.squawk.toml` is read.
 *
 *     const findings = await lintMigrations(await readMigrations('migrations'))
 *
 * Needs squawk-cli. Throws MissingPeer, InvalidOption for what squawk does not understand.
 */
export async function lintMigrations(
  migrations: readonly Migration[],
  { exclude = [] }: LintOptions = {},
): Promise<readonly LintFinding[]> {
  const steps = new Map(migrations.flatMap(({ id, up }) => (up.kind === 'sql' ? [[id, up] as const] : [])))
  const squawk = await squawkBinary()
  const rules = [...needless, ...exclude].join(',')
  const found: LintFinding[] = []
  for (const inTransaction of [true, false]) {
    const group = [...steps].filter(([, step]) => step.inTransaction === inTransaction)
    const flag = inTransaction ? '--assume-in-transaction' : '--no-assume-in-transaction'
    if (group.length > 0) found.push(...(await run(squawk, ['--exclude', rules, flag], group)))
  }
  found.push(...[...steps].flatMap(([id, step]) => concurrentAlone(id, step)))
  return found.sort(
    (one, other) => (one.file < other.file ? -1 : Number(one.file > other.file)) || one.line - other.line,
  )
}

/** Squawk lets a file with a single statement pass: some tools give such a file no transaction. Ours does. */
function concurrentAlone(id: string, { file, text, inTransaction }: SqlStep): LintFinding[] {
  const rule = 'ban-concurrent-index-creation-in-transaction'
  const [only, ...more] = isReadable(text) ? [...readScript(text)] : []
  const isConcurrent = only !== undefined && /^(?:create|drop|reindex)\b.*\sconcurrently\b/is.test(only.text)
  if (!inTransaction || !isConcurrent || more.length > 0) return []
  const message = 'CONCURRENTLY is refused inside a transaction, which the runner gives to this file.'
  return [{ id, file, line: only.line, rule, message, advice: advices[rule] ?? '' }]
}

/** Of what is not, squawk says why. */
function isReadable(text: string): boolean {
  try {
    return [...readScript(text)].length > 0
  } catch (error) {
    if (isPlinthError(error, 'InvalidStatement')) return false
    throw error
  }
}

/** It is run itself, and not by its script: that would cost a Node more. */
async function squawkBinary(): Promise<string> {
  const require = createRequire(import.meta.url)
  const squawk: unknown = await peerPackage(
    'squawk-cli',
    '2.61.0',
    async () => require('squawk-cli/js/index.js') as unknown,
  )
  const find = fieldOf(squawk, 'getBinaryPath')
  if (typeof find !== 'function') throw refused('it has no getBinaryPath; 2.61 has one.')
  try {
    return String(Reflect.apply(find, squawk, []))
  } catch (cause) {
    throw new PlinthError('MissingPeer', cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

async function run(
  squawk: string,
  flags: readonly string[],
  group: readonly (readonly [string, SqlStep])[],
): Promise<LintFinding[]> {
  const files = new Map(group.map(([id, { file }]) => [file, id]))
  const cwd = dirname(dirname([...files.keys()][0] ?? '.'))
  const output = await outputOf(squawk, ['--reporter', 'json', ...flags, ...files.keys()], cwd)
  const reported = parse(output)
  return reported.map((one) => finding(one, files))
}

/** Its code is 1 when it found something; then what it found is on stdout. */
function outputOf(file: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd, timeout: timeoutMs, maxBuffer: maxOutputBytes }, (error, stdout, stderr) => {
      if (error === null || (error.code === 1 && stdout.startsWith('['))) resolve(stdout)
      else reject(refused(stderr.trim() || error.message, error))
    })
  })
}

function parse(output: string): readonly unknown[] {
  const reported: unknown = JSON.parse(output)
  if (!Array.isArray(reported)) throw refused('its report is no list.')
  return reported
}

function finding(reported: unknown, files: ReadonlyMap<string, string>): LintFinding {
  const [file, rule] = [String(fieldOf(reported, 'file')), String(fieldOf(reported, 'rule_name'))]
  const help = fieldOf(reported, 'help')
  const ignore = `If it is meant so, write -- squawk-ignore ${rule} above the statement.`
  return {
    id: files.get(file) ?? '',
    file,
    line: Number(fieldOf(reported, 'line')) + 1,
    rule,
    message: String(fieldOf(reported, 'message')),
    advice: advices[rule] ?? (typeof help === 'string' ? help : ignore),
  }
}

function refused(reason: string, cause?: unknown): PlinthError {
  return new PlinthError('InvalidOption', `squawk could not be asked: ${reason}`, cause === undefined ? {} : { cause })
}
