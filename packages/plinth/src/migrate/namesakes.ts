import type { CatalogObject, CatalogState } from './catalog-state.ts'

/** A pair of statements that give a thing another name, and its old one back. */
export interface NameChange {
  readonly up: string
  readonly down: string
}

/**
 * PostgreSQL keeps the names of constraints, indexes and sequences when their table or column is renamed, where the
 * entities derive a new one: `users_pkey` of what is now `people`. Left so, the next migration that drops one would ask
 * for a name that is not there. Finds what is the same but for its name.
 */
export function namesakes(expected: CatalogState, found: CatalogState): NameChange[] {
  const missing = [...expected].filter(([key]) => !found.has(key)).map(([, one]) => one)
  const extra = [...found].filter(([key]) => !expected.has(key)).map(([, one]) => one)
  return missing.flatMap((wanted) => {
    const at = extra.findIndex((one) => isNamesake(one, wanted))
    const [former] = at < 0 ? [] : extra.splice(at, 1)
    return former === undefined ? [] : [nameChange(former, wanted)]
  })
}

function isNamesake(former: CatalogObject, wanted: CatalogObject): boolean {
  const isSamePlace = former.kind === wanted.kind && placeOf(former.name) === placeOf(wanted.name)
  if (!isSamePlace) return false
  if (former.kind === 'index') return withoutName(former) === withoutName(wanted)
  if (former.kind === 'constraint') return former.definition === wanted.definition
  return (
    former.kind === 'sequence' && former.definition.includes(' owned by ') && former.definition === wanted.definition
  )
}

function nameChange(former: CatalogObject, wanted: CatalogObject): NameChange {
  const [was, is] = [ownName(former.name), ownName(wanted.name)]
  const place = placeOf(former.name)
  if (former.kind === 'constraint') {
    const rename = (from: string, to: string): string => `ALTER TABLE ${place} RENAME CONSTRAINT ${from} TO ${to};`
    return { up: rename(was, is), down: rename(is, was) }
  }
  const verb = `ALTER ${former.kind.toUpperCase()}`
  return { up: `${verb} ${place}.${was} RENAME TO ${is};`, down: `${verb} ${place}.${is} RENAME TO ${was};` }
}

const lastName = /\.((?:"(?:[^"]|"")+")|[^."]+)$/

function ownName(name: string): string {
  return lastName.exec(name)?.[1] ?? name
}

function placeOf(name: string): string {
  return name.replace(lastName, '')
}

function withoutName({ name, definition }: CatalogObject): string {
  return definition.replace(` INDEX ${ownName(name)} ON `, ' INDEX ON ')
}
