import type { CatalogObject, CatalogState } from './catalog-state.ts'

/**
 * After a change of type PostgreSQL keeps defaults and checks as they were, with casts from the former type:
 * `'a'::text` of what is a varchar now. And a sequence that drizzle-kit makes for a column that is there has the type
 * bigint. Finds what only has to be said again, as the expected state says it.
 */
export function restatements(expected: CatalogState, found: CatalogState): string[] {
  return [...expected].flatMap(([key, wanted]) => {
    const former = found.get(key)
    return former === undefined || former.definition === wanted.definition ? [] : restate(wanted, former)
  })
}

function restate(wanted: CatalogObject, former: CatalogObject): string[] {
  const [, place = '', name = ''] = /^(.+)\.((?:"(?:[^"]|"")+")|[^."]+)$/.exec(wanted.name) ?? []
  if (wanted.kind === 'column') {
    const [is, was] = [splitDefault(wanted), splitDefault(former)]
    const differs = is.value !== undefined && was.value !== undefined && is.rest === was.rest
    return differs ? [`ALTER TABLE ${place} ALTER COLUMN ${name} SET DEFAULT ${is.value};`] : []
  }
  if (wanted.kind === 'constraint' && isCheck(wanted) && isCheck(former)) {
    return [
      `ALTER TABLE ${place} DROP CONSTRAINT ${name};`,
      `ALTER TABLE ${place} ADD CONSTRAINT ${name} ${wanted.definition};`,
    ]
  }
  const [type] = wanted.definition.split(' start ')
  const isRetyped = wanted.kind === 'sequence' && !former.definition.startsWith(`${type} start `)
  return isRetyped ? [`ALTER SEQUENCE ${wanted.name} AS ${type};`] : []
}

function isCheck({ definition }: CatalogObject): boolean {
  return definition.startsWith('CHECK ')
}

/** Of a column that is neither generated nor an identity, the default is the last part. */
function splitDefault({ definition }: CatalogObject): { readonly rest: string; readonly value: string | undefined } {
  const at = definition.includes(' generated ') ? -1 : definition.indexOf(' default ')
  if (at < 0) return { rest: definition, value: undefined }
  return { rest: definition.slice(0, at), value: definition.slice(at + ' default '.length) }
}
