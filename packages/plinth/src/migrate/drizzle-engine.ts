import { PlinthError } from '../errors.ts'
import type { Answers, DiffEngine, Difference, Snapshot, Statements } from './diff-engine.ts'
import { refuseStrays, resolveAnswers, reversed } from './drizzle-answers.ts'
import type { Resolution, ResolvedRename } from './drizzle-answers.ts'
import { inSnapshot, withoutIndexes } from './drizzle-snapshot.ts'
import type { SnapshotObject } from './drizzle-snapshot.ts'
import { heldBack } from './held-back.ts'
import { fieldOf, peerPackage } from './peer-package.ts'
import { remadeColumns } from './remade-columns.ts'

interface Hint {
  readonly type: 'rename' | 'create'
  readonly kind: string
  readonly from?: readonly string[]
  readonly to?: readonly string[]
  readonly entity?: readonly string[]
}

/** The part of `drizzle-kit/api-postgres` that we stand on. */
interface Kit {
  generateDrizzleJson(entities: Record<string, unknown>): Promise<Snapshot>
  generateMigration(before: Snapshot, after: Snapshot, options: { hints: Hint[] }): Promise<string[]>
}

/** Each round answers all that one found open; tables are asked before columns, and those before indexes. */
const maxRounds = 12

/** The difference of Drizzle's tables by drizzle-kit, which is loaded at the first use. Throws MissingPeer. */
export async function drizzleEngine(): Promise<DiffEngine> {
  const kit = await loadKit()
  return {
    empty: await snapshotBy(kit, {}),
    snapshot: (entities) => snapshotBy(kit, entities),
    stages,
    difference: (before, after, answers) => differenceBy(kit, before, after, answers),
  }
}

async function loadKit(): Promise<Kit> {
  const kit: unknown = await peerPackage('drizzle-kit', '1.0.0-rc.5', () => import('drizzle-kit/api-postgres'))
  if (isKit(kit)) return kit
  throw new PlinthError(
    'MissingPeer',
    'This drizzle-kit has no API. Run: npm install --save-dev drizzle-kit@1.0.0-rc.5',
  )
}

/** Its own types name each kind of hint; ours come out of a snapshot, which is JSON. */
function isKit(kit: unknown): kit is Kit {
  return ['generateDrizzleJson', 'generateMigration'].every((name) => typeof fieldOf(kit, name) === 'function')
}

async function snapshotBy(kit: Kit, entities: Readonly<Record<string, unknown>>): Promise<Snapshot> {
  // A table that is exported under two names is still one.
  const once = [...new Set(Object.values(entities))].map((value, i) => [String(i), value] as const)
  const refused = (reason: string, cause?: unknown): PlinthError =>
    new PlinthError('InvalidOption', `The entities are wrong: ${reason}`, cause === undefined ? {} : { cause })
  const snapshot = await heldBack(() => kit.generateDrizzleJson(Object.fromEntries(once)), refused)
  refuseRoles(snapshot)
  return snapshot
}

/** A migration is of one database, and a role is there for all of them: the second one would fail to make it. */
function refuseRoles(snapshot: Snapshot): void {
  const [role] = inSnapshot(snapshot, 'role')
  if (role === undefined) return
  const name = String(role.path.at(-1))
  throw new PlinthError(
    'InvalidOption',
    `The entities are wrong: they make the role ${name}, and roles belong to the server, not to a database.`,
    { hint: `Make it where the server is set up, and write pgRole('${name}').existing().` },
  )
}

function stages(before: Snapshot, after: Snapshot): Snapshot[] {
  const known = new Set(inSnapshot(before, 'index').map(nameOfIndex))
  const tables = new Set(inSnapshot(before, 'table').map(({ path }) => path.join('\0')))
  // Nobody waits for an index on a table that is still empty.
  const isOnOld = ({ path }: SnapshotObject): boolean => tables.has(path.slice(0, 2).join('\0'))
  const waits = inSnapshot(after, 'index').filter(
    (one) => one.isConcurrent && !known.has(nameOfIndex(one)) && isOnOld(one),
  )
  return waits.length === 0 ? [after] : [withoutIndexes(after, waits), after]
}

function nameOfIndex({ path }: SnapshotObject): string {
  return `${path[0]}\0${path.at(-1)}`
}

async function differenceBy(kit: Kit, before: Snapshot, after: Snapshot, answers: Answers): Promise<Difference> {
  const resolution = resolveAnswers(before, after, answers)
  if (resolution.questions.length > 0) return { questions: resolution.questions, up: [], down: [] }
  const { up, down } = await statementsBetween(kit, before, after, resolution)
  const { questions, used } = remadeColumns(up, before, answers)
  if (questions.length > 0) return { questions, up: [], down: [] }
  refuseStrays(answers, new Set([...resolution.used, ...used]))
  return { questions, up, down }
}

async function statementsBetween(
  kit: Kit,
  before: Snapshot,
  after: Snapshot,
  { renames }: Resolution,
): Promise<Statements> {
  const hints = (all: readonly ResolvedRename[]): Hint[] =>
    all.map(({ object, from, to }) => renameHint(object, from, to))
  const up = await statements(kit, before, after, hints(renames))
  return { up, down: await statements(kit, after, before, hints(reversed(renames))) }
}

function renameHint(kind: string, from: readonly string[], to: readonly string[]): Hint {
  return { type: 'rename', kind, from, to }
}

/** What the hints leave open is new: whoever was asked has named each rename. */
async function statements(kit: Kit, before: Snapshot, after: Snapshot, renames: readonly Hint[]): Promise<string[]> {
  let hints = renames
  for (let round = 1; ; round += 1) {
    try {
      return (await kit.generateMigration(before, after, { hints: [...hints] })).map(whole)
    } catch (error) {
      const open = missingHints(error)
      if (open.length === 0 || round === maxRounds) throw cannotDiff(error)
      hints = [...hints, ...open.map((one) => sameUnderOtherName(before, after, one) ?? one)]
    }
  }
}

/** Nothing hangs on their names. A column of the same type is another matter: only somebody can say it is the same. */
const rebuildable: ReadonlySet<string> = new Set(['index', 'unique', 'check', 'primary_key', 'foreign key'])

/** An index or a constraint with another name alone is renamed: to build it again would cost a lock for nothing. */
function sameUnderOtherName(before: Snapshot, after: Snapshot, { kind, entity = [] }: Hint): Hint | undefined {
  if (!rebuildable.has(kind)) return undefined
  const added = inSnapshot(after, kind).find(({ path }) => path.join('\0') === entity.join('\0'))
  const gone = inSnapshot(before, kind).filter((one) => !inSnapshot(after, kind).some((other) => samePath(one, other)))
  const same = gone.find((one) => one.definition === added?.definition && one.path.at(-2) === entity.at(-2))
  return same && renameHint(kind, same.path, entity)
}

function samePath(one: SnapshotObject, other: SnapshotObject): boolean {
  return one.path.join('\0') === other.path.join('\0')
}

/** The hints that say "new" for what a MissingHintsError of drizzle-kit lists. */
function missingHints(error: unknown): Hint[] {
  if (!(error instanceof Error) || !('missingHints' in error) || !Array.isArray(error.missingHints)) return []
  return error.missingHints.map((one: unknown) => ({
    type: 'create',
    kind: String(fieldOf(one, 'kind')),
    entity: [fieldOf(one, 'entity')].flat().map(String),
  }))
}

function cannotDiff(cause: unknown): PlinthError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new PlinthError(
    'InvalidOption',
    `drizzle-kit finds no way from the last snapshot to the entities: ${reason}`,
    {
      cause,
    },
  )
}

function whole(statement: string): string {
  return statement.trim().replace(/;?$/, ';')
}
