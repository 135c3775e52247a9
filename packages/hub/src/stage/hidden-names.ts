import { PlinthError, type ServerReport } from 'plinth'
import { type Catalog, findRelation } from 'plinth/operation'
import type { Caller } from '../identity/caller.ts'
import { Refusal } from '../refusal.ts'
import { catalogFor, isShownWhole } from './allow.ts'

/**
 * The error as a service may know it that is shown a part of the database: without the row that failed, which
 * PostgreSQL quotes whole, and without the name of anything hidden, be it a constraint, the table behind a foreign key
 * or what a trigger may not touch. What a function of the database raises by itself is passed on.
 */
export function withoutHidden(error: unknown, caller: Caller | undefined, catalog: Catalog | undefined): unknown {
  const isNarrowed = caller?.kind === 'service' && caller.allow !== undefined
  if (!isNarrowed || !(error instanceof PlinthError) || error instanceof Refusal || !error.server) return error
  const isShown = shownTo(error, catalog && catalogFor(caller, catalog))
  const { code, outcome, retryable, sqlstate = '', phase, cause, server } = error
  const areShown = (text: string): boolean => !aboutNames.test(sqlstate) || namesIn(text).every(isShown)
  const said = areShown(server.message) ? undefined : (unnamed.get(sqlstate) ?? 'the database refused the statement')
  const hint = error.hint !== undefined && areShown(error.hint) ? { hint: error.hint } : {}
  const fields = { outcome, retryable, cause, ...hint, ...(sqlstate && { sqlstate }), ...(phase && { phase }) }
  return new PlinthError(code, said === undefined ? error.message : `${said} (${sqlstate}).`, {
    ...fields,
    server: reportOf(server, said, isShown, areShown),
  })
}

type IsShown = (name: string) => boolean

function reportOf(server: ServerReport, said: string | undefined, isShown: IsShown, areShown: IsShown): ServerReport {
  const { severity, message, hint, detail: _row, ...names } = server
  const kept = Object.entries(names).filter(([, name]) => isShown(name))
  const told = hint !== undefined && areShown(hint) ? { hint } : {}
  return { severity, message: said ?? message, ...told, ...Object.fromEntries(kept) }
}

/** Classes of errors whose message names tables, columns and constraints in quotes; in others it may quote values. */
const aboutNames = /^(?:0A|23|42|44|55)/

const unnamed: ReadonlyMap<string, string> = new Map([
  ['23502', 'null value violates a not-null constraint'],
  ['23503', 'a foreign key constraint is violated'],
  ['23505', 'duplicate key value violates a unique constraint'],
  ['23514', 'a check constraint is violated'],
  ['23P01', 'an exclusion constraint is violated'],
  ['42501', 'permission denied'],
])

/** Where PostgreSQL does not quote a name. */
const plain = [
  /^(?:permission denied for|must be owner of) (?:[a-z ]+ )?(\S+)$/,
  /^function (\S+)\(/,
  /^column (\S+) does not exist$/,
]

function namesIn(text: string): readonly string[] {
  const quoted = [...text.matchAll(/"([^"]*)"/g)].map(([, name = '']) => name)
  const bare = plain.flatMap((pattern) => pattern.exec(text)?.[1]?.split('.') ?? [])
  return [...quoted, ...bare]
}

function shownTo(error: PlinthError, catalog: Catalog | undefined): IsShown {
  if (catalog === undefined) return () => false
  const names = namesOf(catalog)
  const key = isOfShown(error, catalog) ? error.constraint : undefined
  return (name) => names.has(name) || name === key
}

/** A constraint of columns that are all shown; which ones a foreign key has, and where it leads, the catalog knows. */
function isOfShown({ server, columns, sqlstate }: PlinthError, catalog: Catalog): boolean {
  const relation = server?.table === undefined ? undefined : findRelation(catalog, server.table, server.schema)
  if (relation === undefined || sqlstate === '23503') return false
  return isShownWhole(relation) || columns?.every((name) => relation.columns.has(name)) === true
}

const known = new WeakMap<Catalog, ReadonlySet<string>>()

function namesOf(catalog: Catalog): ReadonlySet<string> {
  const names = known.get(catalog) ?? new Set(everyName(catalog))
  known.set(catalog, names)
  return names
}

function* everyName({ schemas, relations, functions }: Catalog): Generator<string> {
  yield* schemas
  for (const ofSchema of functions.values()) yield* ofSchema.keys()
  for (const ofSchema of relations.values())
    for (const { name, columns, foreignKeys, computed } of ofSchema.values()) {
      yield name
      yield* computed.keys()
      for (const key of foreignKeys) yield key.name
      for (const column of columns.values()) yield* [column.name, ...(column.checks ?? []).map((check) => check.name)]
    }
}
