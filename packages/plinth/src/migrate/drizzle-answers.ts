import { PlinthError } from '../errors.ts'
import type { Answers, Question, Snapshot } from './diff-engine.ts'
import { inSnapshot } from './drizzle-snapshot.ts'

type Path = readonly string[]

export interface ResolvedRename {
  readonly object: Question['object']
  readonly from: Path
  readonly to: Path
}

export interface Resolution {
  readonly questions: readonly Question[]
  readonly renames: readonly ResolvedRename[]
  /** Names from the answers that were about something. */
  readonly used: ReadonlySet<string>
}

/** Things of one kind and one place: what is gone may go on under the name of what is new there, and nowhere else. */
interface Group {
  readonly object: Question['object']
  readonly gone: readonly Path[]
  readonly added: readonly Path[]
}

interface Settling {
  readonly answers: Answers
  readonly renames: ResolvedRename[]
  readonly questions: Question[]
  readonly used: Set<string>
}

/**
 * Finds what the entities no longer name, and what the answers say of it. Rows hang on schemas, tables, columns and
 * sequences: those are dropped only when somebody says so. An enum that nothing could have followed just goes.
 *
 * Throws InvalidOption for a rename to something that is not new.
 */
export function resolveAnswers(before: Snapshot, after: Snapshot, answers: Answers): Resolution {
  const settling: Settling = { answers, renames: [], questions: [], used: new Set() }
  const group = (object: Question['object']): Group => difference(object, before, after, settling.renames)
  settle([group('schema')], settling)
  // Until it is known what became of a schema, nothing in it has a name.
  if (settling.questions.length > 0) return settling
  settle([group('table'), group('enum'), group('sequence')], settling)
  settle(columnGroups(group('column'), inSnapshot(after, 'table')), settling)
  return settling
}

/** A misspelt answer would otherwise be none. Throws InvalidOption. */
export function refuseStrays({ renames, drops }: Answers, used: ReadonlySet<string>): void {
  const stray = [...renames.map(({ from }) => from), ...drops].find((name) => !used.has(name))
  if (stray === undefined) return
  throw new PlinthError('InvalidOption', `Nothing called ${stray} is gone from the entities.`, {
    hint:
      'Write a column as table.column, and what is not in the schema public as schema.table.column; ' +
      'where the table is renamed too, with its new name.',
  })
}

/** Paths of before are written as they are now: below the new names of their schema and table. */
function difference(
  object: Question['object'],
  before: Snapshot,
  after: Snapshot,
  renames: readonly ResolvedRename[],
): Group {
  const now = inSnapshot(after, object).map(({ path }) => path)
  const then = inSnapshot(before, object).map(({ path }) => moved(path, object, renames))
  return { object, gone: without(then, now), added: without(now, then) }
}

function moved(path: Path, object: Question['object'], renames: readonly ResolvedRename[]): Path {
  return renames.reduce((at, { object: other, from, to }) => {
    const isBelow = other !== object && from.every((part, i) => at[i] === part)
    const isParent = other === 'schema' || (other === 'table' && object === 'column')
    return isBelow && isParent ? [...to, ...at.slice(from.length)] : at
  }, path)
}

/** The same renames on the way back, where the schemas and tables around them have their old names again. */
export function reversed(renames: readonly ResolvedRename[]): ResolvedRename[] {
  const back = renames.toReversed().map(({ object, from, to }) => ({ object, from: to, to: from }))
  return renames.map(({ object, from, to }) => ({
    object,
    from: moved(to, object, back),
    to: moved(from, object, back),
  }))
}

/** One group a table that is still there: the columns of one that is gone go with it. */
function columnGroups({ object, gone, added }: Group, tables: readonly { readonly path: Path }[]): Group[] {
  return tables.map(({ path: [schema, table] }) => {
    const isHere = (column: Path): boolean => column[0] === schema && column[1] === table
    return { object, gone: gone.filter(isHere), added: added.filter(isHere) }
  })
}

function settle(groups: readonly Group[], settling: Settling): void {
  for (const group of groups) settleGroup(group, settling)
}

function settleGroup({ object, gone, added }: Group, { answers, renames, questions, used }: Settling): void {
  let fresh = added
  const open: Path[] = []
  for (const from of gone) {
    const rename = answers.renames.find((one) => isNamed(one.from, from, object))
    const drop = answers.drops.find((name) => isNamed(name, from, object))
    if (rename) {
      const to = fresh.find((path) => isNamed(rename.to, path, object))
      if (!to) throw notNew(rename.from, rename.to, fresh, object)
      renames.push({ object, from, to })
      fresh = without(fresh, [to])
    }
    const answer = rename?.from ?? drop
    if (answer === undefined) open.push(from)
    else used.add(answer)
  }
  if (object === 'enum' && fresh.length === 0) return
  questions.push(...open.map((path) => ({ object, removed: nameOf(path, object), added: names(fresh, object) })))
}

function without(paths: readonly Path[], others: readonly Path[]): Path[] {
  const known = new Set(others.map((path) => path.join('\0')))
  return paths.filter((path) => !known.has(path.join('\0')))
}

export function isNamed(name: string, path: Path, object: Question['object']): boolean {
  return name === nameOf(path, object) || name === path.join('.')
}

export function nameOf(path: Path, object: Question['object']): string {
  return (object !== 'schema' && path[0] === 'public' ? path.slice(1) : path).join('.')
}

function names(paths: readonly Path[], object: Question['object']): string[] {
  return paths.map((path) => nameOf(path, object))
}

function notNew(from: string, to: string, added: readonly Path[], object: Question['object']): PlinthError {
  const known = added.length === 0 ? 'none' : names(added, object).join(', ')
  return new PlinthError(
    'InvalidOption',
    `${from} cannot be renamed to ${to}: that is no new ${object}. New: ${known}.`,
  )
}
