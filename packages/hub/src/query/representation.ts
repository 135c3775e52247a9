import type { Field, Insert, Row } from 'plinth'
import type { CatalogRelation, Representation } from 'plinth/operation'
import type { Scope } from './scope.ts'

/**
 * Domains whose values are shown and read by functions of their casts, as PostgREST has them:
 * https://docs.postgrest.org/en/latest/references/api/domain_representations.html
 * A place in json has none.
 */
export function representationOf({ column, path }: Field, { relation }: Scope): Representation | undefined {
  return path === undefined ? relation?.columns.get(column)?.representation : undefined
}

/** What reads the columns that the rows write, which all have the keys of the first where `columns` does not say. */
export function parsersOf(
  { columns }: CatalogRelation,
  rows: readonly Row[],
  written: readonly string[] = Object.keys(rows[0] ?? {}),
): Pick<Insert, 'parse'> {
  const parsers = written.flatMap((name) => {
    const parser = columns.get(name)?.representation?.parseJson
    return parser ? [[name, parser] as const] : []
  })
  return parsers.length === 0 ? {} : { parse: Object.fromEntries(parsers) }
}
